// y[n,h,w,c] = x[n,h,w,c] for c < A, else v[n,0,0,c−A]
// x [N,H,W,A]   v [N,1,1,B]   y [N,H,W,A+B]   as vec4
// VECTOR: A and B are multiples of 4 and counted in vec4s; else all is counted in elements.
// One invocation: one vec4 of y.
// use lib/grid.wgsl

override VECTOR = 1u;

struct Params { vectors: u32, pixels: u32, A: u32, B: u32 }

alias Y = vec4f;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> v: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<Y>;

struct Source { tiled: bool, at: u32 }

// Where element (or vec4) `at` of y comes from; `pixels` is H·W.
fn source(at: u32) -> Source {
  let pixel = at / (params.A + params.B);
  let c = at % (params.A + params.B);
  if (c < params.A) { return Source(false, pixel * params.A + c); }
  return Source(true, pixel / params.pixels * params.B + c - params.A);
}

fn element(at: u32) -> f32 {
  let origin = source(at);
  if (origin.tiled) { return f32(v[origin.at / 4u][origin.at % 4u]); }
  return f32(x[origin.at / 4u][origin.at % 4u]);
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
    let origin = source(i);
    if (origin.tiled) { y[i] = Y(v[origin.at]); } else { y[i] = Y(x[origin.at]); }
  } else {
    y[i] = Y(vec4f(element(4u * i), element(4u * i + 1u), element(4u * i + 2u), element(4u * i + 3u)));
  }
}
