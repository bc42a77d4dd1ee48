// The gradient of a convolution to its input as the matrix product that lib/conv2d_grad_input_gemm makes of it: formula and bindings stand there.
// One workgroup: a block of the product in registers, see lib/gemm_blocked.
// use lib/conv2d_grad_input_gemm.wgsl
// use lib/gemm_blocked.wgsl

@compute @workgroup_size(SIDE, SIDE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) lane: vec3u) {
  product(group, lane.xy);
}
