// y[n,oh,ow,yStart+k] = act(residual[n,oh,ow,k] + residualScale · (bias[k] +
//     Σ_{r,s,c} x[n, oh·strideH + r·dilationH − padTop, ow·strideW + s·dilationW − padLeft, c] · w[r,s,c,k]))
// for K, yStart and yChannels multiples of 4 and one group.
// x [N,H,W,C]   w [R,S,C,K] as vec4 over K   y [N,OH,OW,yChannels] as vec4
// bias [K] and residual [N,OH,OW,K] as vec4: any buffer when HAS_BIAS or HAS_RESIDUAL is 0; then they and the scale are
// left out
// One invocation: PIXELS neighbouring pixels of one row × VEC vec4s of output channels, summed in registers.
// One workgroup: LX lanes side by side over the channels, so that weights are read contiguously, and LY lanes over
// groups of pixels. With LY = 1 every lane reads the same input value at the same time.
// use lib/activation.wgsl

const PIXELS = 8u;
const VEC = 2u;
override LX = 8u;
override LY = 1u;
override HAS_BIAS = 1u;
override HAS_RESIDUAL = 0u;

struct Params {
  N: u32, H: u32, W: u32, C: u32,
  OH: u32, OW: u32, K: u32,
  R: u32, S: u32,
  strideH: u32, strideW: u32, dilationH: u32, dilationW: u32, padTop: u32, padLeft: u32,
  yStart: u32, yChannels: u32, residualScale: f32, low: f32, high: f32,
}

alias Y = vec4f;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read> residual: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> y: array<Y>;

@compute @workgroup_size(LX, LY)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) lane: vec3u) {
  let K4 = params.K / 4u;
  let first_k4 = group.z * LX * VEC + lane.x;
  let first_ow = (group.x * LY + lane.y) * PIXELS;
  let n = group.y / params.OH;
  let oh = group.y % params.OH;

  // lanes beyond the last channel compute it again and write nothing
  var k4: array<u32, VEC>;
  for (var v = 0u; v < VEC; v++) { k4[v] = min(first_k4 + v * LX, K4 - 1u); }

  var sum: array<vec4f, PIXELS * VEC>;
  for (var r = 0u; r < params.R; r++) {
    // coordinates before the image wrap around to huge numbers, so one comparison covers both sides
    let h = oh * params.strideH + r * params.dilationH - params.padTop;
    if (h >= params.H) { continue; }
    for (var s = 0u; s < params.S; s++) {
      var pixel: array<u32, PIXELS>;
      var inside: array<bool, PIXELS>;
      for (var p = 0u; p < PIXELS; p++) {
        let column = (first_ow + p) * params.strideW + s * params.dilationW - params.padLeft;
        inside[p] = column < params.W;
        pixel[p] = ((n * params.H + h) * params.W + min(column, params.W - 1u)) * params.C;
      }
      let tap = (r * params.S + s) * params.C * K4;
      for (var c = 0u; c < params.C; c++) {
        var weight: array<vec4f, VEC>;
        for (var v = 0u; v < VEC; v++) { weight[v] = vec4f(w[tap + c * K4 + k4[v]]); }
        for (var p = 0u; p < PIXELS; p++) {
          let value = select(0.0, f32(x[pixel[p] + c]), inside[p]);
          for (var v = 0u; v < VEC; v++) { sum[p * VEC + v] += value * weight[v]; }
        }
      }
    }
  }

  for (var v = 0u; v < VEC; v++) {
    if (first_k4 + v * LX >= K4) { continue; }
    for (var p = 0u; p < PIXELS; p++) {
      if (first_ow + p >= params.OW) { continue; }
      var value = sum[p * VEC + v];
      if (HAS_BIAS == 1u) { value += vec4f(bias[k4[v]]); }
      let at = group.y * params.OW + first_ow + p;
      if (HAS_RESIDUAL == 1u) { value = vec4f(residual[at * K4 + k4[v]]) + params.residualScale * value; }
      y[(at * params.yChannels + params.yStart) / 4u + k4[v]] = Y(activate(value, params.low, params.high));
    }
  }
}
