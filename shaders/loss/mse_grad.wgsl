// dp = factor · dloss · (p − t), factor = 2 / number of elements
// dloss [1]   p, t, dp: any one shape, as vec4
// One invocation: one vec4 of dp.
// use lib/grid.wgsl

struct Params { vectors: u32, factor: f32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dloss: array<f32>;
@group(0) @binding(2) var<storage, read> p: array<vec4f>;
@group(0) @binding(3) var<storage, read> t: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> dp: array<vec4f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.vectors) { return; }
  dp[i] = params.factor * dloss[0] * (p[i] - t[i]);
}
