// z[n,i+a,j+b,(2a+b)K+k] = y[n,2i+a,2j+b,k], zero where that is outside: the transpose of interleave
// y [N,H,W,K]   z [N,H/2+1,W/2+1,4K]   as vec4
// VECTOR: channels are a multiple of 4, so a vec4 lies in one pixel and indices count vec4s; else they count elements.
// One invocation: one vec4 of each phase of a pixel of z; without VECTOR, one vec4 of z.
// use lib/grid.wgsl

override VECTOR = 1u;

struct Params { vectors: u32, H: u32, W: u32, channels: u32 }

alias Y = vec4f;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> y: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> z: array<Y>;

// Where what phase 2a + b of pixel `pixel` of z holds begins in y; negative where it is nowhere.
fn source(pixel: u32, phase: u32) -> i32 {
  let columns = params.W / 2u + 1u;
  let rows = params.H / 2u + 1u;
  // coordinates before the image wrap around to huge numbers, so one comparison covers both sides
  let h = pixel / columns % rows * 2u - phase / 2u;
  let w = pixel % columns * 2u - phase % 2u;
  if (h >= params.H || w >= params.W) { return -1; }
  return i32(((pixel / columns / rows * params.H + h) * params.W + w) * params.channels);
}

fn element(at: u32) -> f32 {
  let origin = source(at / params.channels / 4u, at / params.channels % 4u);
  if (origin < 0) { return 0.0; }
  let i = u32(origin) + at % params.channels;
  return f32(y[i / 4u][i % 4u]);
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
    let pixel = i / params.channels;
    let k = i % params.channels;
    for (var phase = 0u; phase < 4u; phase++) {
      let origin = source(pixel, phase);
      var value = vec4f(0.0);
      if (origin >= 0) { value = vec4f(y[u32(origin) + k]); }
      z[(pixel * 4u + phase) * params.channels + k] = Y(value);
    }
  } else {
    z[i] = Y(vec4f(element(4u * i), element(4u * i + 1u), element(4u * i + 2u), element(4u * i + 3u)));
  }
}
