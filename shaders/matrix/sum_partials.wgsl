// y[i] = Σ_p x[p,i], added in the order of p so that the bits don't vary from run to run
// x [parts, vectors] as vec4   y [vectors] as vec4
// One invocation: one vec4 of y.
// use lib/grid.wgsl

struct Params { vectors: u32, parts: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.vectors) { return; }
  var sum = vec4f(0.0);
  for (var p = 0u; p < params.parts; p++) { sum += x[p * params.vectors + i]; }
  y[i] = sum;
}
