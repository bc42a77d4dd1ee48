// y = x cut along one axis to [start, start + size). What lies before the axis is `outer`, the rest is one run:
// y[outer, j] = x[outer, start + j], j < run
// x [outer, stride]   y [outer, run]   as vec4
// VECTOR: all runs are multiples of 4 elements and counted in vec4s; else they are counted in elements.
// One invocation: one vec4 of y.
// use lib/grid.wgsl

override VECTOR = 1u;

struct Params { vectors: u32, run: u32, stride: u32, start: u32 }

alias Y = vec4f;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<Y>;

fn source(at: u32) -> u32 {
  return at / params.run * params.stride + params.start + at % params.run;
}

fn element(at: u32) -> f32 {
  let origin = source(at);
  return f32(x[origin / 4u][origin % 4u]);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.vectors) { return; }
  if (VECTOR == 1u) {
    y[i] = Y(x[source(i)]);
  } else {
    y[i] = Y(vec4f(element(4u * i), element(4u * i + 1u), element(4u * i + 2u), element(4u * i + 3u)));
  }
}
