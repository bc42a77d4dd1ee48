// y[n,oh,ow,yStart+k] = act(residual[n,oh,ow,k] + residualScale · (bias[k] +
//     Σ_{r,s,c} x[n, oh·strideH + r·dilationH − padTop, ow·strideW + s·dilationW − padLeft, c] · w[r,s,c,k]))
// for K, yStart and yChannels multiples of 4, one group, and an adapter whose subgroups have exactly 8 lanes.
// x [N,H,W,C]   w [R,S,C,K] as vec4 over K   y [N,OH,OW,yChannels] as vec4
// bias [K] and residual [N,OH,OW,K] as vec4: any buffer when HAS_BIAS or HAS_RESIDUAL is 0; then they and the scale are
// left out
// The N·OH·OW pixels stand in one row, `pixels` of them for each w of a batch of weights [batches,R,S,C,K]: a convolution
// has one, a batched matrix product several.
// One workgroup: one subgroup, LX lanes side by side over vec4s of channels and LY = 8 / LX over pixels.
// One invocation: PIXELS pixels that stand LY apart × VEC vec4s of channels that stand LX apart, summed in registers. Each lane
// loads the values of other pixels than its neighbours, and they hand them to each other: where a load costs as much as
// many products (llvmpipe looks at each lane's bounds by itself) this is what counts.
// use lib/activation.wgsl

enable subgroups;

const PIXELS = 32u;
const VEC = 2u;
const LX = 8u;
const LY = 1u;
const LOADS = PIXELS / LX;
override HAS_BIAS = 1u;
override HAS_RESIDUAL = 0u;

struct Params {
  N: u32, H: u32, W: u32, C: u32,
  OH: u32, OW: u32, K: u32,
  R: u32, S: u32,
  strideH: u32, strideW: u32, dilationH: u32, dilationW: u32, padTop: u32, padLeft: u32,
  pixels: u32, yStart: u32, yChannels: u32, residualScale: f32, low: f32, high: f32,
}

alias Y = vec4f;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read> residual: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> y: array<Y>;

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let K4 = params.K / 4u;
  let first_k4 = group.z * LX * VEC + lane % LX;
  let first_pixel = group.x * PIXELS * LY;
  let row = lane / LX % LY;

  // lanes beyond the last channel or pixel compute it again and write nothing
  var k4: array<u32, VEC>;
  for (var v = 0u; v < VEC; v++) { k4[v] = min(first_k4 + v * LX, K4 - 1u); }
  // where the kernel's first tap meets the pixels that this lane loads
  var image: array<u32, LOADS>;
  var top: array<u32, LOADS>;
  var left: array<u32, LOADS>;
  for (var q = 0u; q < LOADS; q++) {
    let pixel = group.y * params.pixels + min(first_pixel + q * 8u + lane, params.pixels - 1u);
    image[q] = pixel / (params.OW * params.OH);
    top[q] = pixel / params.OW % params.OH * params.strideH - params.padTop;
    left[q] = pixel % params.OW * params.strideW - params.padLeft;
  }

  var sum: array<vec4f, PIXELS * VEC>;
  var tap = group.y * params.R * params.S * params.C * K4;
  for (var r = 0u; r < params.R; r++) {
    for (var s = 0u; s < params.S; s++) {
      var at: array<u32, LOADS>;
      var inside: array<bool, LOADS>;
      for (var q = 0u; q < LOADS; q++) {
        // coordinates before the image wrap around to huge numbers, so one comparison covers both sides
        let h = top[q] + r * params.dilationH;
        let v = left[q] + s * params.dilationW;
        inside[q] = h < params.H && v < params.W;
        at[q] = ((image[q] * params.H + min(h, params.H - 1u)) * params.W + min(v, params.W - 1u)) * params.C;
      }
      for (var c = 0u; c < params.C; c++) {
        var weight: array<vec4f, VEC>;
        for (var v = 0u; v < VEC; v++) { weight[v] = vec4f(w[tap + k4[v]]); }
        tap += K4;
        // a loop of its own: some compilers unroll only short ones, and sums that are not unrolled are not in registers
        var loaded: array<f32, LOADS>;
        for (var q = 0u; q < LOADS; q++) { loaded[q] = select(0.0, f32(x[at[q] + c]), inside[q]); }
        for (var q = 0u; q < LOADS; q++) {
          for (var i = 0u; i < LX; i++) {
            let value = subgroupShuffle(loaded[q], i * LY + row);
            for (var v = 0u; v < VEC; v++) { sum[(q * LX + i) * VEC + v] += value * weight[v]; }
          }
        }
      }
    }
  }

  for (var p = 0u; p < PIXELS; p++) {
    let in_batch = first_pixel + p * LY + row;
    if (in_batch >= params.pixels) { continue; }
    let pixel = group.y * params.pixels + in_batch;
    for (var v = 0u; v < VEC; v++) {
      if (first_k4 + v * LX >= K4) { continue; }
      var value = sum[p * VEC + v];
      if (HAS_BIAS == 1u) { value += vec4f(bias[k4[v]]); }
      if (HAS_RESIDUAL == 1u) { value = vec4f(residual[pixel * K4 + k4[v]]) + params.residualScale * value; }
      y[(pixel * params.yChannels + params.yStart) / 4u + k4[v]] = Y(activate(value, params.low, params.high));
    }
  }
}
