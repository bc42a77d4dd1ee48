// dw[r,s,c,k] = Σ_{n,oh,ow} x[n, oh·strideH + r·dilationH − padTop, ow·strideW + s·dilationW − padLeft, c] · dy[n,oh,ow,k]
// over the output rows (n,oh) of this split: row group.z·rowsPerSplit and the rowsPerSplit − 1 after it; for K a
// multiple of 4 and one group.
// x [N,H,W,C]   dy [N,OH,OW,K] as vec4 over K   dw [splits,R,S,C,K] as vec4
// One invocation: CHANNELS input channels × VEC vec4s of output channels of one tap (r,s), summed in registers.
// One workgroup: LX lanes side by side over the output channels and LY lanes over groups of input channels.
// use lib/conv_params.wgsl

const CHANNELS = 8u;
const VEC = 2u;
override LX = 8u;
override LY = 1u;

struct Params { conv: Conv, rowsPerSplit: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dw: array<vec4f>;

@compute @workgroup_size(LX, LY)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) lane: vec3u) {
  let K4 = params.conv.K / 4u;
  let channel_tiles = (params.conv.C + CHANNELS * LY - 1u) / (CHANNELS * LY);
  let first_k4 = group.x / channel_tiles * LX * VEC + lane.x;
  let first_c = (group.x % channel_tiles * LY + lane.y) * CHANNELS;
  let r = group.y / params.conv.S;
  let s = group.y % params.conv.S;

  // lanes beyond the last channel compute it again and write nothing
  var k4: array<u32, VEC>;
  for (var v = 0u; v < VEC; v++) { k4[v] = min(first_k4 + v * LX, K4 - 1u); }
  var channel: array<u32, CHANNELS>;
  for (var i = 0u; i < CHANNELS; i++) { channel[i] = min(first_c + i, params.conv.C - 1u); }

  var sum: array<vec4f, CHANNELS * VEC>;
  let first_row = group.z * params.rowsPerSplit;
  let end_row = min(first_row + params.rowsPerSplit, params.conv.N * params.conv.OH);
  for (var row = first_row; row < end_row; row++) {
    // coordinates before the image wrap around to huge numbers, so one comparison covers both sides
    let h = row % params.conv.OH * params.conv.strideH + r * params.conv.dilationH - params.conv.padTop;
    if (h >= params.conv.H) { continue; }
    let image_row = (row / params.conv.OH * params.conv.H + h) * params.conv.W;
    for (var ow = 0u; ow < params.conv.OW; ow++) {
      let column = ow * params.conv.strideW + s * params.conv.dilationW - params.conv.padLeft;
      if (column >= params.conv.W) { continue; }
      let pixel = (image_row + column) * params.conv.C;
      var grad: array<vec4f, VEC>;
      for (var v = 0u; v < VEC; v++) { grad[v] = vec4f(dy[(row * params.conv.OW + ow) * K4 + k4[v]]); }
      for (var i = 0u; i < CHANNELS; i++) {
        let value = f32(x[pixel + channel[i]]);
        for (var v = 0u; v < VEC; v++) { sum[i * VEC + v] += value * grad[v]; }
      }
    }
  }

  let split = group.z * params.conv.R * params.conv.S * params.conv.C;
  for (var i = 0u; i < CHANNELS; i++) {
    if (first_c + i >= params.conv.C) { continue; }
    for (var v = 0u; v < VEC; v++) {
      if (first_k4 + v * LX >= K4) { continue; }
      dw[(split + group.y * params.conv.C + first_c + i) * K4 + k4[v]] = sum[i * VEC + v];
    }
  }
}
