// y[n,oh,ow,yStart+c] = act(residual[n,oh,ow,c] + residualScale · (bias[c] +
//     Σ_{r,s} x[n, oh·strideH + r·dilationH − padTop, ow·strideW + s·dilationW − padLeft, c] · w[r,s,c]))
// for as many groups as channels in and out, and C, yStart and yChannels multiples of 4.
// x [N,H,W,C]   w [R,S,C]   y [N,OH,OW,yChannels]   all as vec4 over C
// bias [C] and residual [N,OH,OW,C] as vec4: any buffer when HAS_BIAS or HAS_RESIDUAL is 0; then they and the scale are
// left out
// One invocation: PIXELS neighbouring pixels of one row × one vec4 of channels, so that a weight is loaded once for all of them.
// use lib/grid.wgsl
// use lib/activation.wgsl

const PIXELS = 4u;
override HAS_BIAS = 1u;
override HAS_RESIDUAL = 0u;

struct Params {
  N: u32, H: u32, W: u32, C: u32,
  OH: u32, OW: u32, K: u32,
  R: u32, S: u32,
  strideH: u32, strideW: u32, dilationH: u32, dilationW: u32, padTop: u32, padLeft: u32,
  channelsPerGroup: u32, yStart: u32, yChannels: u32, residualScale: f32, low: f32, high: f32,
}

alias Y = vec4f;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> w: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read> residual: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> y: array<Y>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = workgroup_number(group, groups) * 64u + lane;
  let C4 = params.C / 4u;
  let across = (params.OW + PIXELS - 1u) / PIXELS;
  let row = at / (C4 * across);
  if (row >= params.N * params.OH) { return; }
  let c4 = at % C4;
  let first_ow = at / C4 % across * PIXELS;
  let top = row % params.OH * params.strideH - params.padTop;

  var sum: array<vec4f, PIXELS>;
  for (var r = 0u; r < params.R; r++) {
    // coordinates before the image wrap around to huge numbers, so one comparison covers both sides
    let h = top + r * params.dilationH;
    if (h >= params.H) { continue; }
    let image_row = (row / params.OH * params.H + h) * params.W;
    for (var s = 0u; s < params.S; s++) {
      let weight = vec4f(w[(r * params.S + s) * C4 + c4]);
      for (var p = 0u; p < PIXELS; p++) {
        let column = (first_ow + p) * params.strideW + s * params.dilationW - params.padLeft;
        let value = vec4f(x[(image_row + min(column, params.W - 1u)) * C4 + c4]);
        sum[p] += select(vec4f(0.0), value, column < params.W) * weight;
      }
    }
  }

  for (var p = 0u; p < PIXELS; p++) {
    if (first_ow + p >= params.OW) { continue; }
    let pixel = row * params.OW + first_ow + p;
    var value = sum[p];
    if (HAS_BIAS == 1u) { value += vec4f(bias[c4]); }
    if (HAS_RESIDUAL == 1u) { value = vec4f(residual[pixel * C4 + c4]) + params.residualScale * value; }
    y[(pixel * params.yChannels + params.yStart) / 4u + c4] = Y(activate(value, params.low, params.high));
  }
}
