// y[n,oh,ow,yStart+k] = act(residual[n,oh,ow,k] + residualScale · (bias[k] +
//     Σ_{r,s} z[n, oh·strideH + r·dilationH − padTop, ow·strideW + s·dilationW − padLeft, (r,s,k)]))
// z [N,H,W,columns], what each pixel adds by each tap: columns are R·S·K or a few more, taps R·S   y [N,OH,OW,yChannels]
// bias [K] and residual [N,OH,OW,K], see lib/epilogue
// One invocation: one output.
// use lib/grid.wgsl
// use lib/conv_params.wgsl
// use lib/epilogue.wgsl

struct Params { conv: Conv, taps: u32, columns: u32, @align(16) epilogue: Epilogue }

alias Value = f32;
alias Y = f32;
const VALUE_CHANNELS = 1u;

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
  if (at >= params.conv.N * params.conv.OH * params.conv.OW * params.conv.K) { return; }
  let k = at % params.conv.K;
  let ow = at / params.conv.K % params.conv.OW;
  let oh = at / (params.conv.K * params.conv.OW) % params.conv.OH;
  let n = at / (params.conv.K * params.conv.OW * params.conv.OH);

  var sum = 0.0;
  for (var tap = 0u; tap < params.taps; tap++) {
    // coordinates before the image wrap around to huge numbers, so one comparison covers both sides
    let h = oh * params.conv.strideH + tap / params.conv.S * params.conv.dilationH - params.conv.padTop;
    let v = ow * params.conv.strideW + tap % params.conv.S * params.conv.dilationW - params.conv.padLeft;
    if (h >= params.conv.H || v >= params.conv.W) { continue; }
    sum += z[((n * params.conv.H + h) * params.conv.W + v) * params.columns + tap * params.conv.K + k];
  }
  finish(sum, at / params.conv.K, k, params.conv.K);
}
