// y[n,oh,ow,yStart+k] = act(residual[n,oh,ow,k] + residualScale · (bias[k] +
//     Σ_{r,s,c} x[n, oh·strideH + r·dilationH − padTop, ow·strideW + s·dilationW − padLeft, c] · w[r,s,c,k]))
// for K, yStart and yChannels multiples of 4, one group, and an adapter whose subgroups have exactly 8 lanes.
// x [N,H,W,C]   w [R,S,C,K] as vec4 over K   y [N,OH,OW,yChannels] as vec4
// bias [K] and residual [N,OH,OW,K] as vec4, see lib/epilogue
// The N·OH·OW pixels stand in one row, `pixels` of them for each w of a batch of weights [batches,R,S,C,K]: a convolution
// has one, a batched matrix product several.
// One workgroup: one subgroup, LX lanes side by side over vec4s of channels and LY = 8 / LX over pixels.
// One invocation: PIXELS pixels that stand LY apart × VEC vec4s of channels that stand LX apart, summed in registers. Each lane
// loads the values of other pixels than its neighbours, and they hand them to each other: where a load costs as much as
// many products (llvmpipe looks at each lane's bounds by itself) this is what counts.
// use lib/conv_params.wgsl
// use lib/epilogue.wgsl

enable subgroups;

const PIXELS = 32u;
const VEC = 2u;
const LX = 8u;
const LY = 1u;
const LOADS = PIXELS / LX;

struct Params { conv: Conv, pixels: u32, @align(16) epilogue: Epilogue }

alias Value = vec4f;
alias Y = vec4f;
const VALUE_CHANNELS = 4u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read> residual: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> y: array<Y>;

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let K4 = params.conv.K / 4u;
  let first_k4 = group.z * LX * VEC + lane % LX;
  let first_pixel = group.x * PIXELS * LY;
  let row = lane / LX % LY;

  // lanes beyond the last channel or pixel compute it again and write nothing
  var k4: array<u32, VEC>;
  for (var v = 0u; v < VEC; v++) { k4[v] = min(first_k4 + v * LX, K4 - 1u); }
  // where the kernel's first tap meets the pixels that this lane loads
  var image: array<u32, LOADS>;
  var top: array<u32, LOADS>;
  var left: array<u32, LOADS>;
  for (var q = 0u; q < LOADS; q++) {
    let pixel = group.y * params.pixels + min(first_pixel + q * 8u + lane, params.pixels - 1u);
    image[q] = pixel / (params.conv.OW * params.conv.OH);
    top[q] = pixel / params.conv.OW % params.conv.OH * params.conv.strideH - params.conv.padTop;
    left[q] = pixel % params.conv.OW * params.conv.strideW - params.conv.padLeft;
  }

  var sum: array<vec4f, PIXELS * VEC>;
  var tap = group.y * params.conv.R * params.conv.S * params.conv.C * K4;
  for (var r = 0u; r < params.conv.R; r++) {
    for (var s = 0u; s < params.conv.S; s++) {
      var at: array<u32, LOADS>;
      var inside: array<bool, LOADS>;
      for (var q = 0u; q < LOADS; q++) {
        // coordinates before the image wrap around to huge numbers, so one comparison covers both sides
        let h = top[q] + r * params.conv.dilationH;
        let v = left[q] + s * params.conv.dilationW;
        inside[q] = h < params.conv.H && v < params.conv.W;
        let image_row = image[q] * params.conv.H + min(h, params.conv.H - 1u);
        at[q] = (image_row * params.conv.W + min(v, params.conv.W - 1u)) * params.conv.C;
      }
      for (var c = 0u; c < params.conv.C; c++) {
        var weight: array<vec4f, VEC>;
        for (var v = 0u; v < VEC; v++) { weight[v] = vec4f(w[tap + k4[v]]); }
        tap += K4;
        // a loop of its own: some compilers unroll only short ones, and sums that are not unrolled are not in registers
        var loaded: array<f32, LOADS>;
        for (var q = 0u; q < LOADS; q++) { loaded[q] = select(0.0, f32(x[at[q] + c]), inside[q]); }
        for (var q = 0u; q < LOADS; q++) {
          for (var i = 0u; i < LX; i++) {
            let value = subgroupShuffle(loaded[q], i * LY + row);
            for (var v = 0u; v < VEC; v++) { sum[(q * LX + i) * VEC + v] += value * weight[v]; }
          }
        }
      }
    }
  }

  for (var p = 0u; p < PIXELS; p++) {
    let in_batch = first_pixel + p * LY + row;
    if (in_batch >= params.pixels) { continue; }
    let pixel = group.y * params.pixels + in_batch;
    for (var v = 0u; v < VEC; v++) {
      if (first_k4 + v * LX < K4) { finish(sum[p * VEC + v], pixel, k4[v], K4); }
    }
  }
}
