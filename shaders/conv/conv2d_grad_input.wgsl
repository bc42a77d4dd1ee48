// dx[n,h,v,c] = Σ_{r,s,k} dy[n,oh,ow,k] · w[r,s,c−c₀,k] over the k of c's group and the (r,oh), (s,ow) with
//   oh·strideH + r·dilationH − padTop = h   and   ow·strideW + s·dilationW − padLeft = v
// Any kernel size, stride, padding, dilation and groups; the tiled kernel is the fast one.
// dy [N,OH,OW,K]   w [R,S,C/groups,K]   dx [N,H,W,C]
// One invocation: one element of dx.
// use lib/grid.wgsl

struct Params {
  N: u32, H: u32, W: u32, C: u32,
  OH: u32, OW: u32, K: u32,
  R: u32, S: u32,
  strideH: u32, strideW: u32, dilationH: u32, dilationW: u32, padTop: u32, padLeft: u32,
  channelsPerGroup: u32, outputsPerGroup: u32,
}

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
  if (at >= params.N * params.H * params.W * params.C) { return; }
  let c = at % params.C;
  let v = at / params.C % params.W;
  let h = at / (params.C * params.W) % params.H;
  let n = at / (params.C * params.W * params.H);
  let first_k = c / params.channelsPerGroup * params.outputsPerGroup;

  var sum = 0.0;
  for (var r = 0u; r < params.R; r++) {
    if (h + params.padTop < r * params.dilationH) { continue; }
    let down = h + params.padTop - r * params.dilationH;
    let oh = down / params.strideH;
    if (down % params.strideH != 0u || oh >= params.OH) { continue; }
    for (var s = 0u; s < params.S; s++) {
      if (v + params.padLeft < s * params.dilationW) { continue; }
      let across = v + params.padLeft - s * params.dilationW;
      let ow = across / params.strideW;
      if (across % params.strideW != 0u || ow >= params.OW) { continue; }
      let pixel = ((n * params.OH + oh) * params.OW + ow) * params.K + first_k;
      let tap = ((r * params.S + s) * params.channelsPerGroup + c % params.channelsPerGroup) * params.K + first_k;
      for (var k = 0u; k < params.outputsPerGroup; k++) {
        sum += f32(dy[pixel + k]) * f32(w[tap + k]);
      }
    }
  }
  dx[at] = Y(sum);
}
