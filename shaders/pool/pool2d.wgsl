// y[n,oh,ow,c] = the largest, or with AVERAGE the mean, of x[n,h,v,c] over the window's taps (r,s) inside the image, with
//   h = oh·strideH + r·dilationH − padTop   and   v = ow·strideW + s·dilationW − padLeft
// COUNT_PAD: the mean's divisor counts the taps on the padding too. A window that sees no pixel has the mean 0 and the
// largest value −LARGEST.
// x [N,H,W,C]   y [N,OH,OW,yChannels], of which C from yStart on are written   as vec4
// VECTOR: C, yStart and yChannels are multiples of 4 and counted in vec4s, as all indices; else they count elements, and
// yChannels is C.
// One invocation: one vec4 of y.
// use lib/grid.wgsl

override VECTOR = 1u;
override AVERAGE = 0u;
override COUNT_PAD = 0u;

const LARGEST = 3.40282346638528859812e38;

struct Params {
  vectors: u32,
  H: u32, W: u32, C: u32, OH: u32, OW: u32, R: u32, S: u32,
  strideH: u32, strideW: u32, dilationH: u32, dilationW: u32, padTop: u32, padLeft: u32,
  paddedH: u32, paddedW: u32, // with the padding on both sides
  yStart: u32, yChannels: u32,
}

alias Y = vec4f;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<Y>;

fn load(at: u32) -> vec4f {
  if (VECTOR == 1u) { return vec4f(x[at]); }
  return vec4f(f32(x[at / 4u][at % 4u]));
}

fn pooled(at: u32) -> vec4f {
  let c = at % params.C;
  let ow = at / params.C % params.OW;
  let row = at / params.C / params.OW;
  let image = row / params.OH * params.H;
  let oh = row % params.OH;
  var result = vec4f(select(-LARGEST, 0.0, AVERAGE == 1u));
  var count = 0u;
  for (var r = 0u; r < params.R; r++) {
    let down = oh * params.strideH + r * params.dilationH;
    if (down >= params.paddedH) { continue; }
    for (var s = 0u; s < params.S; s++) {
      let across = ow * params.strideW + s * params.dilationW;
      if (across >= params.paddedW) { continue; }
      // coordinates before the image wrap around to huge numbers, so one comparison covers both sides
      let h = down - params.padTop;
      let v = across - params.padLeft;
      let inside = h < params.H && v < params.W;
      count += select(COUNT_PAD, 1u, inside);
      if (!inside) { continue; }
      let value = load(((image + h) * params.W + v) * params.C + c);
      if (AVERAGE == 1u) { result += value; } else { result = max(result, value); }
    }
  }
  if (AVERAGE == 1u) { result /= f32(max(count, 1u)); }
  return result;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.vectors) { return; }
  if (VECTOR == 1u) {
    y[i / params.C * params.yChannels + params.yStart + i % params.C] = Y(pooled(i));
  } else {
    let at = 4u * i;
    y[i] = Y(vec4f(pooled(at).x, pooled(at + 1u).x, pooled(at + 2u).x, pooled(at + 3u).x));
  }
}
