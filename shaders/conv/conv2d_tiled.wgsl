// y[n,oh,ow,yStart+k] = act(residual[n,oh,ow,k] + residualScale · (bias[k] +
//     Σ_{r,s,c} x[n, oh·strideH + r·dilationH − padTop, ow·strideW + s·dilationW − padLeft, c] · w[r,s,c,k]))
// for K, yStart and yChannels multiples of 4 and one group.
// x [N,H,W,C]   w [R,S,C,K] as vec4 over K   y [N,OH,OW,yChannels] as vec4
// bias [K] and residual [N,OH,OW,K] as vec4, see lib/epilogue
// A batched matrix product has a weight for each image, `weightVectors` vec4s apart; a convolution one for all, and 0 there.
// One invocation: PIXELS neighbouring pixels of one row × VEC vec4s of output channels, summed in registers.
// One workgroup: LX lanes side by side over the channels, so that weights are read contiguously, and LY lanes over
// groups of pixels. With LY = 1 every lane reads the same input value at the same time.
// use lib/conv_params.wgsl
// use lib/epilogue.wgsl

const PIXELS = 8u;
const VEC = 2u;
override LX = 8u;
override LY = 1u;

struct Params { conv: Conv, weightVectors: u32, @align(16) epilogue: Epilogue }

alias Value = vec4f;
alias Y = vec4f;
const VALUE_CHANNELS = 4u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read> residual: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> y: array<Y>;

@compute @workgroup_size(LX, LY)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) lane: vec3u) {
  let K4 = params.conv.K / 4u;
  let first_k4 = group.z * LX * VEC + lane.x;
  let first_ow = (group.x * LY + lane.y) * PIXELS;
  let n = group.y / params.conv.OH;
  let oh = group.y % params.conv.OH;

  // lanes beyond the last channel compute it again and write nothing
  var k4: array<u32, VEC>;
  for (var v = 0u; v < VEC; v++) { k4[v] = min(first_k4 + v * LX, K4 - 1u); }

  var sum: array<vec4f, PIXELS * VEC>;
  for (var r = 0u; r < params.conv.R; r++) {
    // coordinates before the image wrap around to huge numbers, so one comparison covers both sides
    let h = oh * params.conv.strideH + r * params.conv.dilationH - params.conv.padTop;
    if (h >= params.conv.H) { continue; }
    for (var s = 0u; s < params.conv.S; s++) {
      var pixel: array<u32, PIXELS>;
      var inside: array<bool, PIXELS>;
      for (var p = 0u; p < PIXELS; p++) {
        let column = (first_ow + p) * params.conv.strideW + s * params.conv.dilationW - params.conv.padLeft;
        inside[p] = column < params.conv.W;
        pixel[p] = ((n * params.conv.H + h) * params.conv.W + min(column, params.conv.W - 1u)) * params.conv.C;
      }
      let tap = n * params.weightVectors + (r * params.conv.S + s) * params.conv.C * K4;
      for (var c = 0u; c < params.conv.C; c++) {
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
      if (first_ow + p >= params.conv.OW) { continue; }
      finish(sum[p * VEC + v], group.y * params.conv.OW + first_ow + p, k4[v], K4);
    }
  }
}
