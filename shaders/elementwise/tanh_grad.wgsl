// dx = dy · (1 − y²), from the output y = tanh(x)
// dy, y, dx: any one shape, as vec4
// One invocation: one vec4 of dx.
// use lib/grid.wgsl

struct Params { vectors: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read> y: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dx: array<vec4f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.vectors) { return; }
  dx[i] = dy[i] * (1.0 - y[i]) * (1.0 + y[i]);
}
