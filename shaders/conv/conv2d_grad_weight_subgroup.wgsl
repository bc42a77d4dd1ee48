// dw[r,s,c,k] = Σ_{n,oh,ow} x[n, oh·strideH + r·dilationH − padTop, ow·strideW + s·dilationW − padLeft, c] · dy[n,oh,ow,k]
// over the output rows (n,oh) of this split: row group.z·rowsPerSplit and the rowsPerSplit − 1 after it; for K a
// multiple of 4, one group, and an adapter whose subgroups have exactly 8 lanes.
// x [N,H,W,C]   dy [N,OH,OW,K] as vec4 over K   dw [splits,R,S,C,K] as vec4
// One workgroup: one subgroup, LX lanes side by side over vec4s of output channels and LY = 8 / LX over rows (r,s,c) of dw.
// One invocation: ROWS rows that stand LY apart × VEC vec4s of output channels that stand LX apart, summed in registers. Lanes
// load values for each other as in conv2d_subgroup.
// use lib/conv_params.wgsl

enable subgroups;

const ROWS = 32u;
const VEC = 2u;
const LX = 8u;
const LY = 1u;
const LOADS = ROWS / LX;

struct Params { conv: Conv, rowsPerSplit: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dw: array<vec4f>;

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let K4 = params.conv.K / 4u;
  let weights = params.conv.R * params.conv.S * params.conv.C;
  let first_k4 = group.y * LX * VEC + lane % LX;
  let first_weight = group.x * ROWS * LY;
  let row = lane / LX % LY;

  // lanes beyond the last channel or row of dw compute it again and write nothing
  var k4: array<u32, VEC>;
  for (var v = 0u; v < VEC; v++) { k4[v] = min(first_k4 + v * LX, K4 - 1u); }
  // where the rows of dw whose values this lane loads meet the first output
  var channel: array<u32, LOADS>;
  var top: array<u32, LOADS>;
  var left: array<u32, LOADS>;
  for (var q = 0u; q < LOADS; q++) {
    let weight = min(first_weight + q * 8u + lane, weights - 1u);
    channel[q] = weight % params.conv.C;
    top[q] = weight / (params.conv.C * params.conv.S) * params.conv.dilationH - params.conv.padTop;
    left[q] = weight / params.conv.C % params.conv.S * params.conv.dilationW - params.conv.padLeft;
  }

  var sum: array<vec4f, ROWS * VEC>;
  let first_output = group.z * params.rowsPerSplit;
  let end_output = min(first_output + params.rowsPerSplit, params.conv.N * params.conv.OH);
  for (var output = first_output; output < end_output; output++) {
    var image_row: array<u32, LOADS>;
    var inside: array<bool, LOADS>;
    for (var q = 0u; q < LOADS; q++) {
      // coordinates before the image wrap around to huge numbers, so one comparison covers both sides
      let h = output % params.conv.OH * params.conv.strideH + top[q];
      inside[q] = h < params.conv.H;
      image_row[q] = (output / params.conv.OH * params.conv.H + min(h, params.conv.H - 1u)) * params.conv.W;
    }
    for (var ow = 0u; ow < params.conv.OW; ow++) {
      var grad: array<vec4f, VEC>;
      for (var v = 0u; v < VEC; v++) { grad[v] = vec4f(dy[(output * params.conv.OW + ow) * K4 + k4[v]]); }
      // a loop of its own: some compilers unroll only short ones, and sums that are not unrolled are not in registers
      var loaded: array<f32, LOADS>;
      for (var q = 0u; q < LOADS; q++) {
        let column = ow * params.conv.strideW + left[q];
        let at = (image_row[q] + min(column, params.conv.W - 1u)) * params.conv.C + channel[q];
        loaded[q] = select(0.0, f32(x[at]), inside[q] && column < params.conv.W);
      }
      for (var q = 0u; q < LOADS; q++) {
        for (var i = 0u; i < LX; i++) {
          let value = subgroupShuffle(loaded[q], i * LY + row);
          for (var v = 0u; v < VEC; v++) { sum[(q * LX + i) * VEC + v] += value * grad[v]; }
        }
      }
    }
  }

  for (var p = 0u; p < ROWS; p++) {
    let weight = first_weight + p * LY + row;
    if (weight >= weights) { continue; }
    for (var v = 0u; v < VEC; v++) {
      if (first_k4 + v * LX < K4) { dw[(group.z * weights + weight) * K4 + k4[v]] = sum[p * VEC + v]; }
    }
  }
}
