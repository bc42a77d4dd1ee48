// y[n,h,w,c] = act(x[n,h,w,c] + v[n,0,0,c])
// x [N,H,W,C]   v [N,1,1,C]   y [N,H,W,C]   as vec4
// VECTOR: channels are a multiple of 4, so a vec4 lies in one pixel and indices count vec4s; else they count elements.
// One invocation: one vec4 of y.
// use lib/grid.wgsl

override VECTOR = 1u;
override RELU = 0u;

struct Params { vectors: u32, pixels: u32, channels: u32 }

alias Y = vec4f;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> v: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<Y>;

// What element (or vec4) `at` of x has added; `pixels` is H·W.
fn source(at: u32) -> u32 {
  return at / (params.pixels * params.channels) * params.channels + at % params.channels;
}

fn element(at: u32) -> f32 {
  let origin = source(at);
  return f32(v[origin / 4u][origin % 4u]);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.vectors) { return; }
  var value = vec4f(x[i]);
  if (VECTOR == 1u) {
    value += vec4f(v[source(i)]);
  } else {
    value += vec4f(element(4u * i), element(4u * i + 1u), element(4u * i + 2u), element(4u * i + 3u));
  }
  // not max, which may drop a NaN
  if (RELU == 1u) { value = select(value, vec4f(0.0), value < vec4f(0.0)); }
  y[i] = Y(value);
}
