// dw[r,s,c,k] = Σ_{n,oh,ow} x[n, oh·strideH + r·dilationH − padTop, ow·strideW + s·dilationW − padLeft, c₀+c] · dy[n,oh,ow,k]
// where c₀ is the first input channel of k's group, over the output rows (n,oh) of this split: row group.z·rowsPerSplit
// and the rowsPerSplit − 1 after it. Any stride, padding, dilation and groups; the tiled kernel is the fast one.
// x [N,H,W,C]   dy [N,OH,OW,K]   dw [splits, R·S·C/groups·K rounded up to vec4s]
// One invocation: one weight of one split.
// use lib/grid.wgsl
// use lib/conv_params.wgsl

struct Params { conv: Conv, outputsPerGroup: u32, rowsPerSplit: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dw: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = workgroup_number(group, groups) * 64u + lane;
  let length = params.conv.R * params.conv.S * params.conv.channelsPerGroup * params.conv.K;
  if (at >= length) { return; }
  let k = at % params.conv.K;
  let c = k / params.outputsPerGroup * params.conv.channelsPerGroup + at / params.conv.K % params.conv.channelsPerGroup;
  let tap = at / (params.conv.K * params.conv.channelsPerGroup);
  let r = tap / params.conv.S;
  let s = tap % params.conv.S;

  var sum = 0.0;
  let first_row = group.z * params.rowsPerSplit;
  let end_row = min(first_row + params.rowsPerSplit, params.conv.N * params.conv.OH);
  for (var row = first_row; row < end_row; row++) {
    // coordinates before the image wrap around to huge numbers, so one comparison covers both sides
    let h = row % params.conv.OH * params.conv.strideH + r * params.conv.dilationH - params.conv.padTop;
    if (h >= params.conv.H) { continue; }
    let image_row = (row / params.conv.OH * params.conv.H + h) * params.conv.W;
    for (var ow = 0u; ow < params.conv.OW; ow++) {
      let v = ow * params.conv.strideW + s * params.conv.dilationW - params.conv.padLeft;
      if (v >= params.conv.W) { continue; }
      sum += f32(x[(image_row + v) * params.conv.C + c]) * f32(dy[(row * params.conv.OW + ow) * params.conv.K + k]);
    }
  }
  dw[group.z * ((length + 3u) / 4u * 4u) + at] = sum;
}
