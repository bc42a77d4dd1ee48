// y[n,2i+a,2j+b,k] = act(z[n,i+a,j+b,(2a+b)K+k] + bias[k])
// z [N,H/2+1,W/2+1,4K]   bias [K]: any buffer when HAS_BIAS is 0   y [N,H,W,K]   as vec4
// VECTOR: channels are a multiple of 4, so a vec4 lies in one pixel and indices count vec4s; else they count elements.
// One invocation: one vec4 of each pixel of a block of 2 × 2; without VECTOR, one vec4 of y.
// use lib/grid.wgsl
// use lib/block.wgsl
// use lib/activation.wgsl

override VECTOR = 1u;
override HAS_BIAS = 1u;

struct Params { vectors: u32, H: u32, W: u32, channels: u32, low: f32, high: f32 }

alias Value = vec4f;
alias Y = vec4f;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> z: array<vec4f>;
@group(0) @binding(2) var<storage, read> bias: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<Y>;

// Element `at` of y, before the activation.
fn element(at: u32) -> f32 {
  let k = at % params.channels;
  let w = at / params.channels % params.W;
  let row = at / params.channels / params.W;
  let h = row % params.H;
  let pixel = (row / params.H * (params.H / 2u + 1u) + (h + 1u) / 2u) * (params.W / 2u + 1u) + (w + 1u) / 2u;
  let origin = (pixel * 4u + h % 2u * 2u + w % 2u) * params.channels + k;
  let value = f32(z[origin / 4u][origin % 4u]);
  if (HAS_BIAS == 0u) { return value; }
  return value + f32(bias[k / 4u][k % 4u]);
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
    let W = params.W / 2u;
    let k = i % params.channels;
    let pixel = i / params.channels;
    let row = pixel / W;
    // images of z have a row and a column more
    let z_pixel = (row + row / (params.H / 2u)) * (W + 1u) + pixel % W;
    let corner = block_corner(i, W, params.channels, 2u);
    var shift = vec4f(0.0);
    if (HAS_BIAS == 1u) { shift = vec4f(bias[k]); }
    for (var a = 0u; a < 2u; a++) {
      for (var b = 0u; b < 2u; b++) {
        let origin = ((z_pixel + a * (W + 1u) + b) * 4u + 2u * a + b) * params.channels + k;
        let value = activate(vec4f(z[origin]) + shift, params.low, params.high);
        y[corner + block_offset(a, b, W, params.channels, 2u)] = Y(value);
      }
    }
  } else {
    let value = vec4f(element(4u * i), element(4u * i + 1u), element(4u * i + 2u), element(4u * i + 3u));
    y[i] = Y(activate(value, params.low, params.high));
  }
}
