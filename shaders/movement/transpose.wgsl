// y[i] = x[…], the axes of x in another order
// x, y as vec4   size0…5: shape of y, x0…5: strides of x in elements along y's axes
// VECTOR: the last axis stays the last and is a multiple of 4, so that vec4s are copied whole.
// One invocation: one vec4 of y.
// use lib/grid.wgsl
// use lib/strided.wgsl

override VECTOR = 1u;

struct Params {
  vectors: u32,
  size0: u32, size1: u32, size2: u32, size3: u32, size4: u32, size5: u32,
  x0: u32, x1: u32, x2: u32, x3: u32, x4: u32, x5: u32,
}

alias Y = vec4f;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<Y>;

fn source(at: u32) -> u32 {
  let size = array<u32, 6>(params.size0, params.size1, params.size2, params.size3, params.size4, params.size5);
  return strided(at, size, array<u32, 6>(params.x0, params.x1, params.x2, params.x3, params.x4, params.x5));
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
  let at = 4u * i;
  if (VECTOR == 1u) {
    y[i] = Y(x[source(at) / 4u]);
  } else {
    y[i] = Y(vec4f(element(at), element(at + 1u), element(at + 2u), element(at + 3u)));
  }
}
