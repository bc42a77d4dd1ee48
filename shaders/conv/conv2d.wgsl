// y[n,oh,ow,yStart+k] = act(residual[n,oh,ow,k] + residualScale · (bias[k] +
//     Σ_{r,s,c} x[n, oh·strideH + r·dilationH − padTop, ow·strideW + s·dilationW − padLeft, c₀+c] · w[r,s,c,k]))
// where c₀ is the first input channel of k's group. Any kernel size, stride, padding, dilation and groups; the tiled
// kernel is the fast one, this one takes what does not fit it.
// x [N,H,W,C]   w [R,S,C/groups,K]   y [N,OH,OW,yChannels]
// bias [K] and residual [N,OH,OW,K]: any buffer when HAS_BIAS or HAS_RESIDUAL is 0; then they and the scale are left out
// One invocation: one output.
// use lib/grid.wgsl
// use lib/activation.wgsl

override HAS_BIAS = 1u;
override HAS_RESIDUAL = 0u;

struct Params {
  N: u32, H: u32, W: u32, C: u32,
  OH: u32, OW: u32, K: u32,
  R: u32, S: u32,
  strideH: u32, strideW: u32, dilationH: u32, dilationW: u32, padTop: u32, padLeft: u32,
  channelsPerGroup: u32, outputsPerGroup: u32,
  yStart: u32, yChannels: u32, residualScale: f32, low: f32, high: f32,
}

alias Y = f32;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> residual: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<Y>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = workgroup_number(group, groups) * 64u + lane;
  if (at >= params.N * params.OH * params.OW * params.K) { return; }
  let k = at % params.K;
  let ow = at / params.K % params.OW;
  let oh = at / (params.K * params.OW) % params.OH;
  let n = at / (params.K * params.OW * params.OH);
  let first_channel = k / params.outputsPerGroup * params.channelsPerGroup;

  var sum = 0.0;
  for (var r = 0u; r < params.R; r++) {
    // coordinates before the image wrap around to huge numbers, so one comparison covers both sides
    let h = oh * params.strideH + r * params.dilationH - params.padTop;
    if (h >= params.H) { continue; }
    for (var s = 0u; s < params.S; s++) {
      let v = ow * params.strideW + s * params.dilationW - params.padLeft;
      if (v >= params.W) { continue; }
      let pixel = ((n * params.H + h) * params.W + v) * params.C + first_channel;
      let tap = (r * params.S + s) * params.channelsPerGroup * params.K + k;
      for (var c = 0u; c < params.channelsPerGroup; c++) {
        sum += f32(x[pixel + c]) * f32(w[tap + c * params.K]);
      }
    }
  }
  if (HAS_BIAS == 1u) { sum += f32(bias[k]); }
  if (HAS_RESIDUAL == 1u) { sum = f32(residual[at]) + params.residualScale * sum; }
  y[at / params.K * params.yChannels + params.yStart + k] = Y(activate(vec4f(sum), params.low, params.high).x);
}
