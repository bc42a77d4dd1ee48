// y[n,oh,ow,c] = x[n, ⌊oh/factor⌋, ⌊ow/factor⌋, c]: nearest neighbour
// x [N,H,W,C]   y [N,H·factor,W·factor,C]   as vec4
// VECTOR: channels are a multiple of 4, so a vec4 lies in one pixel and indices count vec4s; else they count elements.
// One invocation: one vec4 of x, written to its whole block; without VECTOR, one vec4 of y.
// use lib/grid.wgsl
// use lib/block.wgsl

override VECTOR = 1u;

struct Params { vectors: u32, W: u32, channels: u32, factor: u32 }

alias Y = vec4f;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<Y>;

// Element `at` of y.
fn element(at: u32) -> f32 {
  let pixel = at / params.channels;
  let ow = pixel % (params.W * params.factor);
  let row = pixel / (params.W * params.factor);
  let source = (row / params.factor * params.W + ow / params.factor) * params.channels + at % params.channels;
  return f32(x[source / 4u][source % 4u]);
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
    let value = Y(x[i]);
    let corner = block_corner(i, params.W, params.channels, params.factor);
    for (var a = 0u; a < params.factor; a++) {
      for (var b = 0u; b < params.factor; b++) {
        y[corner + block_offset(a, b, params.W, params.channels, params.factor)] = value;
      }
    }
  } else {
    y[i] = Y(vec4f(element(4u * i), element(4u * i + 1u), element(4u * i + 2u), element(4u * i + 3u)));
  }
}
