// y[n,oh,ow,c] = the largest, or with AVERAGE the mean, of x[n,h,v,c] over the window's taps (r,s) inside the image, with
//   h = oh·strideH + r·dilationH − padTop   and   v = ow·strideW + s·dilationW − padLeft
// COUNT_PAD: the mean's divisor counts the taps on the padding too. A window that sees no pixel has the mean 0 and the
// largest value −LARGEST.
// x [N,H,W,C]   y [N,OH,OW,yChannels], of which C from yStart on are written   as vec4
// VECTOR: C, yStart and yChannels are multiples of 4 and counted in vec4s, as all indices; else they count elements, and
// yChannels is C.
// One invocation: one vec4 of y.
// use lib/grid.wgsl
// use lib/pool_params.wgsl
// use lib/units.wgsl

override AVERAGE = 0u;
override COUNT_PAD = 0u;

const LARGEST = 3.40282346638528859812e38;

struct Params { pool: Pool, vectors: u32, yStart: u32, yChannels: u32 }

alias Y = vec4f;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<Y>;

fn load(at: u32) -> vec4f { return unit_in(vec4f(x[vector_of(at)]), at); }

fn pooled(at: u32) -> vec4f {
  let c = at % params.pool.C;
  let ow = at / params.pool.C % params.pool.OW;
  let row = at / params.pool.C / params.pool.OW;
  let image = row / params.pool.OH * params.pool.H;
  let oh = row % params.pool.OH;
  var result = vec4f(select(-LARGEST, 0.0, AVERAGE == 1u));
  var count = 0u;
  for (var r = 0u; r < params.pool.R; r++) {
    let down = oh * params.pool.strideH + r * params.pool.dilationH;
    if (down >= params.pool.paddedH) { continue; }
    for (var s = 0u; s < params.pool.S; s++) {
      let across = ow * params.pool.strideW + s * params.pool.dilationW;
      if (across >= params.pool.paddedW) { continue; }
      // coordinates before the image wrap around to huge numbers, so one comparison covers both sides
      let h = down - params.pool.padTop;
      let v = across - params.pool.padLeft;
      let inside = h < params.pool.H && v < params.pool.W;
      count += select(COUNT_PAD, 1u, inside);
      if (!inside) { continue; }
      let value = load(((image + h) * params.pool.W + v) * params.pool.C + c);
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
    y[i / params.pool.C * params.yChannels + params.yStart + i % params.pool.C] = Y(pooled(i));
  } else {
    let at = 4u * i;
    y[i] = Y(vec4f(pooled(at).x, pooled(at + 1u).x, pooled(at + 2u).x, pooled(at + 3u).x));
  }
}
