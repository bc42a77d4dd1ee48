// y = min(max(x, low), high), written as choices: min and max may drop a NaN, which must reach the loss to be seen
// x, y: any one shape, as vec4
// One invocation: one vec4 of y.
// use lib/grid.wgsl

struct Params { vectors: u32, low: f32, high: f32 }

alias Y = vec4f;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<Y>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.vectors) { return; }
  let value = vec4f(x[i]);
  let least = select(value, vec4f(params.low), value < vec4f(params.low));
  y[i] = Y(select(least, vec4f(params.high), least > vec4f(params.high)));
}
