// y[n,oh,ow,yStart+k] = act(residual[n,oh,ow,k] + residualScale · (bias[k] +
//     Σ_{r,s} z[n, oh·strideH + r·dilationH − padTop, ow·strideW + s·dilationW − padLeft, (r,s,k)]))
// z [N,H,W,columns], what each pixel adds by each tap: columns are R·S·K or a few more   y [N,OH,OW,yChannels]
// bias [K] and residual [N,OH,OW,K]: any buffer when HAS_BIAS or HAS_RESIDUAL is 0; then they and the scale are left out
// One invocation: one output.
// use lib/grid.wgsl
// use lib/activation.wgsl

override HAS_BIAS = 1u;
override HAS_RESIDUAL = 0u;

struct Params {
  N: u32, H: u32, W: u32, columns: u32,
  OH: u32, OW: u32, K: u32,
  taps: u32, S: u32,
  strideH: u32, strideW: u32, dilationH: u32, dilationW: u32, padTop: u32, padLeft: u32,
  yStart: u32, yChannels: u32, residualScale: f32, low: f32, high: f32,
}

alias Y = f32;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> z: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read> residual: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<Y>;

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

  var sum = 0.0;
  for (var tap = 0u; tap < params.taps; tap++) {
    // coordinates before the image wrap around to huge numbers, so one comparison covers both sides
    let h = oh * params.strideH + tap / params.S * params.dilationH - params.padTop;
    let v = ow * params.strideW + tap % params.S * params.dilationW - params.padLeft;
    if (h >= params.H || v >= params.W) { continue; }
    sum += z[((n * params.H + h) * params.W + v) * params.columns + tap * params.K + k];
  }
  if (HAS_BIAS == 1u) { sum += f32(bias[k]); }
  if (HAS_RESIDUAL == 1u) { sum = f32(residual[at]) + params.residualScale * sum; }
  y[at / params.K * params.yChannels + params.yStart + k] = Y(activate(vec4f(sum), params.low, params.high).x);
}
