// What lib/conv2d_grad_input_gemm says, in the blocks of lib/gemm_blocked.
// use lib/conv2d_grad_input_gemm.wgsl
// use lib/gemm_blocked.wgsl
