// What lib/conv2d_gemm says, in the blocks of lib/gemm_blocked.
// use lib/conv2d_gemm.wgsl
// use lib/gemm_blocked.wgsl
