// y[n,oh,ow,c] = x[n,h,v,c] for position h = rows[oh] and v = columns[ow], cut to whole numbers inside the image; with LINEAR
// interpolated between the four pixels around the position
// x [N,H,W,C] as vec4   rows [OH]   columns [OW]   y [N,OH,OW,C] as vec4
// VECTOR: C is a multiple of 4 and counted in vec4s, as all indices; else they count elements.
// One invocation: one vec4 of y.
// use lib/grid.wgsl
// use lib/resize.wgsl
// use lib/units.wgsl

struct Params { vectors: u32, H: u32, W: u32, C: u32, OH: u32, OW: u32 }

alias Y = vec4f;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> rows: array<f32>;
@group(0) @binding(3) var<storage, read> columns: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<Y>;

fn load(at: u32) -> vec4f { return unit_in(vec4f(x[vector_of(at)]), at); }

fn resized(at: u32) -> vec4f {
  let c = at % params.C;
  let row = at / params.C / params.OW;
  let h = place(rows[row % params.OH], params.H);
  let v = place(columns[at / params.C % params.OW], params.W);
  let image = row / params.OH * params.H;
  let upper = (image + h.low) * params.W;
  if (LINEAR == 0u) { return load((upper + v.low) * params.C + c); }
  let lower = (image + h.high) * params.W;
  let above = mix(load((upper + v.low) * params.C + c), load((upper + v.high) * params.C + c), v.share);
  let below = mix(load((lower + v.low) * params.C + c), load((lower + v.high) * params.C + c), v.share);
  return mix(above, below, h.share);
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
    y[i] = Y(resized(i));
  } else {
    let at = 4u * i;
    y[i] = Y(vec4f(resized(at).x, resized(at + 1u).x, resized(at + 2u).x, resized(at + 3u).x));
  }
}
