// dx[n,h,v,c] = Σ_{r,s,k} dy[n,oh,ow,k] · wt[r,s,k,c] over the (r,oh), (s,ow) with
//   oh·strideH + r·dilationH − padTop = h   and   ow·strideW + s·dilationW − padLeft = v
// for C a multiple of 4 and one group.
// dy [N,OH,OW,K]   wt [R,S,K,C] (the weight transposed) as vec4 over C   dx [N,H,W,C] as vec4
// One invocation: PIXELS pixels of one row × VEC vec4s of channels, summed in registers. Its pixels stand strideW
// apart, so that the same taps s reach all of them and no product is computed in vain.
// One workgroup: LX lanes side by side over the channels and LY lanes over groups of pixels.
// use lib/conv_params.wgsl

const PIXELS = 8u;
const VEC = 2u;
override LX = 8u;
override LY = 1u;

struct Params { conv: Conv }

alias Y = vec4f;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> wt: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dx: array<Y>;

@compute @workgroup_size(LX, LY)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) lane: vec3u) {
  let C4 = params.conv.C / 4u;
  let first_c4 = group.z * LX * VEC + lane.x;
  let phase = group.x % params.conv.strideW;
  let first = (group.x / params.conv.strideW * LY + lane.y) * PIXELS;
  let n = group.y / params.conv.H;
  let h = group.y % params.conv.H;

  // lanes beyond the last channel compute it again and write nothing
  var c4: array<u32, VEC>;
  for (var v = 0u; v < VEC; v++) { c4[v] = min(first_c4 + v * LX, C4 - 1u); }

  // whole strides are added before each division and taken off behind it, so that it never sees a negative number;
  // a coordinate before the first output then wraps around to a huge one, and one comparison covers both sides
  let ahead_h = params.conv.R * params.conv.dilationH;
  let ahead_w = params.conv.S * params.conv.dilationW;
  var sum: array<vec4f, PIXELS * VEC>;
  for (var r = 0u; r < params.conv.R; r++) {
    let down = h + params.conv.padTop + ahead_h * params.conv.strideH - r * params.conv.dilationH;
    let oh = down / params.conv.strideH - ahead_h;
    if (down % params.conv.strideH != 0u || oh >= params.conv.OH) { continue; }
    for (var s = 0u; s < params.conv.S; s++) {
      let across = phase + params.conv.padLeft + ahead_w * params.conv.strideW - s * params.conv.dilationW;
      if (across % params.conv.strideW != 0u) { continue; }
      let first_ow = across / params.conv.strideW - ahead_w + first;
      var pixel: array<u32, PIXELS>;
      var inside: array<bool, PIXELS>;
      for (var p = 0u; p < PIXELS; p++) {
        let ow = first_ow + p;
        inside[p] = ow < params.conv.OW;
        pixel[p] = ((n * params.conv.OH + oh) * params.conv.OW + min(ow, params.conv.OW - 1u)) * params.conv.K;
      }
      let tap = (r * params.conv.S + s) * params.conv.K * C4;
      for (var k = 0u; k < params.conv.K; k++) {
        var weight: array<vec4f, VEC>;
        for (var v = 0u; v < VEC; v++) { weight[v] = wt[tap + k * C4 + c4[v]]; }
        for (var p = 0u; p < PIXELS; p++) {
          let grad = select(0.0, f32(dy[pixel[p] + k]), inside[p]);
          for (var v = 0u; v < VEC; v++) { sum[p * VEC + v] += grad * weight[v]; }
        }
      }
    }
  }

  for (var v = 0u; v < VEC; v++) {
    if (first_c4 + v * LX >= C4) { continue; }
    for (var p = 0u; p < PIXELS; p++) {
      let column = phase + (first + p) * params.conv.strideW;
      if (column >= params.conv.W) { continue; }
      dx[(group.y * params.conv.W + column) * C4 + c4[v]] = Y(sum[p * VEC + v]);
    }
  }
}
