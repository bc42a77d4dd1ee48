// dx[n,h,v,c] = Σ_{r,s,k} dy[n,oh,ow,k] · wt[r,s,k,c] over the (r,oh), (s,ow) with
//   oh·strideH + r·dilationH − padTop = h   and   ow·strideW + s·dilationW − padLeft = v
// for C a multiple of 4, one group, and an adapter whose subgroups have exactly 8 lanes.
// dy [N,OH,OW,K]   wt [R,S,K,C] (the weight transposed) as vec4 over C   dx [N,H,W,C] as vec4
// One workgroup: one subgroup, LX lanes side by side over vec4s of channels and LY = 8 / LX over pixels that all stand at the
// same phase of the strides, so that the same taps reach all of them and no product is computed in vain.
// One invocation: PIXELS pixels that stand LY apart in their phase × VEC vec4s of channels that stand LX apart, summed in
// registers. Lanes load values for each other as in conv2d_subgroup.
// use lib/conv_params.wgsl

enable subgroups;

const PIXELS = 32u;
const VEC = 2u;
const LX = 8u;
const LY = 1u;
const LOADS = PIXELS / LX;

struct Params { conv: Conv }

alias Y = vec4f;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> wt: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dx: array<Y>;

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let C4 = params.conv.C / 4u;
  let first_c4 = group.z * LX * VEC + lane % LX;
  let first_pixel = group.x * PIXELS * LY;
  let row = lane / LX % LY;
  // pixels of one phase, counted as if all phases had as many as the first
  let phase_h = group.y / params.conv.strideW;
  let phase_w = group.y % params.conv.strideW;
  let rows = (params.conv.H + params.conv.strideH - 1u) / params.conv.strideH;
  let columns = (params.conv.W + params.conv.strideW - 1u) / params.conv.strideW;
  let pixels = params.conv.N * rows * columns;

  // lanes beyond the last channel or pixel compute it again and write nothing
  var c4: array<u32, VEC>;
  for (var v = 0u; v < VEC; v++) { c4[v] = min(first_c4 + v * LX, C4 - 1u); }
  var image: array<u32, LOADS>;
  var down: array<u32, LOADS>;
  var across: array<u32, LOADS>;
  for (var q = 0u; q < LOADS; q++) {
    let pixel = min(first_pixel + q * 8u + lane, pixels - 1u);
    image[q] = pixel / (rows * columns);
    down[q] = pixel / columns % rows;
    across[q] = pixel % columns;
  }

  // whole strides are added before each division and taken off behind it, so that it never sees a negative number;
  // a coordinate before the first output then wraps around to a huge one, and one comparison covers both sides
  let ahead_h = params.conv.R * params.conv.dilationH;
  let ahead_w = params.conv.S * params.conv.dilationW;
  var sum: array<vec4f, PIXELS * VEC>;
  for (var r = 0u; r < params.conv.R; r++) {
    let start_h = phase_h + params.conv.padTop + ahead_h * params.conv.strideH - r * params.conv.dilationH;
    if (start_h % params.conv.strideH != 0u) { continue; }
    for (var s = 0u; s < params.conv.S; s++) {
      let start_w = phase_w + params.conv.padLeft + ahead_w * params.conv.strideW - s * params.conv.dilationW;
      if (start_w % params.conv.strideW != 0u) { continue; }
      var at: array<u32, LOADS>;
      var inside: array<bool, LOADS>;
      for (var q = 0u; q < LOADS; q++) {
        let oh = down[q] + start_h / params.conv.strideH - ahead_h;
        let ow = across[q] + start_w / params.conv.strideW - ahead_w;
        inside[q] = oh < params.conv.OH && ow < params.conv.OW;
        let output_row = image[q] * params.conv.OH + min(oh, params.conv.OH - 1u);
        at[q] = (output_row * params.conv.OW + min(ow, params.conv.OW - 1u)) * params.conv.K;
      }
      var tap = (r * params.conv.S + s) * params.conv.K * C4;
      for (var k = 0u; k < params.conv.K; k++) {
        var weight: array<vec4f, VEC>;
        for (var v = 0u; v < VEC; v++) { weight[v] = wt[tap + c4[v]]; }
        tap += C4;
        // a loop of its own: some compilers unroll only short ones, and sums that are not unrolled are not in registers
        var loaded: array<f32, LOADS>;
        for (var q = 0u; q < LOADS; q++) { loaded[q] = select(0.0, f32(dy[at[q] + k]), inside[q]); }
        for (var q = 0u; q < LOADS; q++) {
          for (var i = 0u; i < LX; i++) {
            let grad = subgroupShuffle(loaded[q], i * LY + row);
            for (var v = 0u; v < VEC; v++) { sum[(q * LX + i) * VEC + v] += grad * weight[v]; }
          }
        }
      }
    }
  }

  for (var p = 0u; p < PIXELS; p++) {
    let pixel = first_pixel + p * LY + row;
    let h = pixel / columns % rows * params.conv.strideH + phase_h;
    let v = pixel % columns * params.conv.strideW + phase_w;
    if (pixel >= pixels || h >= params.conv.H || v >= params.conv.W) { continue; }
    let origin = ((pixel / (rows * columns) * params.conv.H + h) * params.conv.W + v) * C4;
    for (var i = 0u; i < VEC; i++) {
      if (first_c4 + i * LX < C4) { dx[origin + c4[i]] = Y(sum[p * VEC + i]); }
    }
  }
}
