// y[n,oh,ow,yStart+k] = act(residual[n,oh,ow,k] + residualScale · (bias[k] +
//     Σ_{r,s,c} x[n, oh·strideH + r·dilationH − padTop, ow·strideW + s·dilationW − padLeft, c₀+c] · w[r,s,c,k]))
// where c₀ is the first input channel of k's group. Any kernel size, stride, padding, dilation and groups; the tiled
// kernel is the fast one, this one takes what does not fit it.
// x [N,H,W,C]   w [R,S,C/groups,K]   y [N,OH,OW,yChannels]
// bias [K] and residual [N,OH,OW,K], see lib/epilogue
// One invocation: one output.
// use lib/grid.wgsl
// use lib/conv_params.wgsl
// use lib/epilogue.wgsl

struct Params { conv: Conv, outputsPerGroup: u32, @align(16) epilogue: Epilogue }

alias Value = f32;
alias Y = f32;
const VALUE_CHANNELS = 1u;

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
  if (at >= params.conv.N * params.conv.OH * params.conv.OW * params.conv.K) { return; }
  let k = at % params.conv.K;
  let ow = at / params.conv.K % params.conv.OW;
  let oh = at / (params.conv.K * params.conv.OW) % params.conv.OH;
  let n = at / (params.conv.K * params.conv.OW * params.conv.OH);
  let first_channel = k / params.outputsPerGroup * params.conv.channelsPerGroup;

  var sum = 0.0;
  for (var r = 0u; r < params.conv.R; r++) {
    // coordinates before the image wrap around to huge numbers, so one comparison covers both sides
    let h = oh * params.conv.strideH + r * params.conv.dilationH - params.conv.padTop;
    if (h >= params.conv.H) { continue; }
    for (var s = 0u; s < params.conv.S; s++) {
      let v = ow * params.conv.strideW + s * params.conv.dilationW - params.conv.padLeft;
      if (v >= params.conv.W) { continue; }
      let pixel = ((n * params.conv.H + h) * params.conv.W + v) * params.conv.C + first_channel;
      let tap = (r * params.conv.S + s) * params.conv.channelsPerGroup * params.conv.K + k;
      for (var c = 0u; c < params.conv.channelsPerGroup; c++) {
        sum += f32(x[pixel + c]) * f32(w[tap + c * params.conv.K]);
      }
    }
  }
  finish(sum, at / params.conv.K, k, params.conv.K);
}
