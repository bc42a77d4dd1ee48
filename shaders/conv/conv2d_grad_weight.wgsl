// dw[r,s,c,k] = Σ_{n,oh,ow} x[n, oh·strideH + r·dilationH − padTop, ow·strideW + s·dilationW − padLeft, c₀+c] · dy[n,oh,ow,k]
// where c₀ is the first input channel of k's group, over the output rows (n,oh) of this split: row group.z·rowsPerSplit
// and the rowsPerSplit − 1 after it. Any stride, padding, dilation and groups; the tiled kernel is the fast one.
// x [N,H,W,C]   dy [N,OH,OW,K]   dw [splits, R·S·C/groups·K rounded up to vec4s]
// One invocation: one weight of one split.
// use lib/grid.wgsl

struct Params {
  N: u32, H: u32, W: u32, C: u32,
  OH: u32, OW: u32, K: u32,
  R: u32, S: u32,
  strideH: u32, strideW: u32, dilationH: u32, dilationW: u32, padTop: u32, padLeft: u32,
  channelsPerGroup: u32, outputsPerGroup: u32, rowsPerSplit: u32,
}

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
  let length = params.R * params.S * params.channelsPerGroup * params.K;
  if (at >= length) { return; }
  let k = at % params.K;
  let c = k / params.outputsPerGroup * params.channelsPerGroup + at / params.K % params.channelsPerGroup;
  let tap = at / (params.K * params.channelsPerGroup);
  let r = tap / params.S;
  let s = tap % params.S;

  var sum = 0.0;
  let first_row = group.z * params.rowsPerSplit;
  let end_row = min(first_row + params.rowsPerSplit, params.N * params.OH);
  for (var row = first_row; row < end_row; row++) {
    // coordinates before the image wrap around to huge numbers, so one comparison covers both sides
    let h = row % params.OH * params.strideH + r * params.dilationH - params.padTop;
    if (h >= params.H) { continue; }
    let image_row = (row / params.OH * params.H + h) * params.W;
    for (var ow = 0u; ow < params.OW; ow++) {
      let v = ow * params.strideW + s * params.dilationW - params.padLeft;
      if (v >= params.W) { continue; }
      sum += f32(x[(image_row + v) * params.C + c]) * f32(dy[(row * params.OW + ow) * params.K + k]);
    }
  }
  dw[group.z * ((length + 3u) / 4u * 4u) + at] = sum;
}
