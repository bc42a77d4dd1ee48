// y[outer, start + j] = x[outer, j] for j < run; the rest of y stays as it is
// x [outer, run]   y [outer, stride], stride ≥ start + run
// One invocation: one element of x. y is written by elements, since a vec4 of it may belong to two inputs.
// use lib/grid.wgsl

struct Params { elems: u32, run: u32, stride: u32, start: u32 }

alias Y = f32;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<Y>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = workgroup_number(group, groups) * 64u + lane;
  if (at >= params.elems) { return; }
  y[at / params.run * params.stride + params.start + at % params.run] = Y(x[at]);
}
