// y[n,oh,ow,yStart+c] = act(residual[n,oh,ow,c] + residualScale · (bias[c] +
//     Σ_{r,s} x[n, oh·strideH + r·dilationH − padTop, ow·strideW + s·dilationW − padLeft, c] · w[r,s,c]))
// for as many groups as channels in and out, and C, yStart and yChannels multiples of 4.
// x [N,H,W,C]   w [R,S,C]   y [N,OH,OW,yChannels]   all as vec4 over C
// bias [C] and residual [N,OH,OW,C] as vec4, see lib/epilogue
// One invocation: PIXELS neighbouring pixels of one row × one vec4 of channels, so that a weight is loaded once for all of them.
// use lib/grid.wgsl
// use lib/conv_params.wgsl
// use lib/epilogue.wgsl

const PIXELS = 4u;

struct Params { conv: Conv, @align(16) epilogue: Epilogue }

alias Value = vec4f;
alias Y = vec4f;
const VALUE_CHANNELS = 4u;

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
  let C4 = params.conv.C / 4u;
  let across = (params.conv.OW + PIXELS - 1u) / PIXELS;
  let row = at / (C4 * across);
  if (row >= params.conv.N * params.conv.OH) { return; }
  let c4 = at % C4;
  let first_ow = at / C4 % across * PIXELS;
  let top = row % params.conv.OH * params.conv.strideH - params.conv.padTop;

  var sum: array<vec4f, PIXELS>;
  for (var r = 0u; r < params.conv.R; r++) {
    // coordinates before the image wrap around to huge numbers, so one comparison covers both sides
    let h = top + r * params.conv.dilationH;
    if (h >= params.conv.H) { continue; }
    let image_row = (row / params.conv.OH * params.conv.H + h) * params.conv.W;
    for (var s = 0u; s < params.conv.S; s++) {
      let weight = vec4f(w[(r * params.conv.S + s) * C4 + c4]);
      for (var p = 0u; p < PIXELS; p++) {
        let column = (first_ow + p) * params.conv.strideW + s * params.conv.dilationW - params.conv.padLeft;
        let value = vec4f(x[(image_row + min(column, params.conv.W - 1u)) * C4 + c4]);
        sum[p] += select(vec4f(0.0), value, column < params.conv.W) * weight;
      }
    }
  }

  for (var p = 0u; p < PIXELS; p++) {
    if (first_ow + p >= params.conv.OW) { continue; }
    let pixel = row * params.conv.OW + first_ow + p;
    finish(sum[p], pixel, c4, C4);
  }
}
