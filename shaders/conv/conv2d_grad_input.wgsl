// dx[n,h,v,c] = Σ_{r,s,k} dy[n,oh,ow,k] · w[r,s,c−c₀,k] over the k of c's group and the (r,oh), (s,ow) with
//   oh·strideH + r·dilationH − padTop = h   and   ow·strideW + s·dilationW − padLeft = v
// Any kernel size, stride, padding, dilation and groups; the tiled kernel is the fast one.
// dy [N,OH,OW,K]   w [R,S,C/groups,K]   dx [N,H,W,C]
// One invocation: one element of dx.
// use lib/grid.wgsl
// use lib/conv_params.wgsl

struct Params { conv: Conv, outputsPerGroup: u32 }

alias Y = f32;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<Y>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = workgroup_number(group, groups) * 64u + lane;
  if (at >= params.conv.N * params.conv.H * params.conv.W * params.conv.C) { return; }
  let c = at % params.conv.C;
  let v = at / params.conv.C % params.conv.W;
  let h = at / (params.conv.C * params.conv.W) % params.conv.H;
  let n = at / (params.conv.C * params.conv.W * params.conv.H);
  let first_k = c / params.conv.channelsPerGroup * params.outputsPerGroup;

  var sum = 0.0;
  for (var r = 0u; r < params.conv.R; r++) {
    // what would be below 0, of `across` too, wraps around to a huge number and so is beyond the last output
    let down = h + params.conv.padTop - r * params.conv.dilationH;
    let oh = down / params.conv.strideH;
    if (down % params.conv.strideH != 0u || oh >= params.conv.OH) { continue; }
    for (var s = 0u; s < params.conv.S; s++) {
      let across = v + params.conv.padLeft - s * params.conv.dilationW;
      let ow = across / params.conv.strideW;
      if (across % params.conv.strideW != 0u || ow >= params.conv.OW) { continue; }
      let pixel = ((n * params.conv.OH + oh) * params.conv.OW + ow) * params.conv.K + first_k;
      let channel = c % params.conv.channelsPerGroup;
      let tap = ((r * params.conv.S + s) * params.conv.channelsPerGroup + channel) * params.conv.K + first_k;
      for (var k = 0u; k < params.outputsPerGroup; k++) {
        sum += f32(dy[pixel + k]) * f32(w[tap + k]);
      }
    }
  }
  dx[at] = Y(sum);
}
