// The gradient of a convolution to its weight as the matrix product that lib/conv2d_grad_weight_gemm makes of it: formula and bindings stand there.
// One workgroup: a block of the product in the subgroups' matrices, see lib/gemm_matrix.
// use lib/conv2d_grad_weight_gemm.wgsl
// use lib/gemm_matrix.wgsl

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) index: u32,
  @builtin(subgroup_id) subgroup: u32,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  product(group, index, subgroup, lane);
}
