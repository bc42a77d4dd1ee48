// dx[n,h,v,c] = Σ dy[n,oh,ow,c] · (what output row oh takes of row h) · (what output column ow takes of column v)
// dy [N,OH,OW,C] as vec4   rows [OH]   columns [OW]   ranges [H + W], see resize_ranges   dx [N,H,W,C] as vec4
// VECTOR: C is a multiple of 4 and counted in vec4s, as all indices; else they count elements.
// One invocation: one vec4 of dx.
// use lib/grid.wgsl
// use lib/resize.wgsl
// use lib/units.wgsl

struct Params { vectors: u32, H: u32, W: u32, C: u32, OH: u32, OW: u32 }

alias Y = vec4f;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read> rows: array<f32>;
@group(0) @binding(3) var<storage, read> columns: array<f32>;
@group(0) @binding(4) var<storage, read> ranges: array<vec2u>;
@group(0) @binding(5) var<storage, read_write> dx: array<Y>;

fn load(at: u32) -> vec4f { return unit_in(vec4f(dy[vector_of(at)]), at); }

fn gathered(at: u32) -> vec4f {
  let c = at % params.C;
  let v = at / params.C % params.W;
  let row = at / params.C / params.W;
  let h = row % params.H;
  let image = row / params.H * params.OH;
  let down = ranges[h];
  let across = ranges[params.H + v];
  var sum = vec4f(0.0);
  for (var oh = down.x; oh < down.y; oh++) {
    let share = share_of(h, rows[oh], params.H);
    if (share == 0.0) { continue; }
    for (var ow = across.x; ow < across.y; ow++) {
      let both = share * share_of(v, columns[ow], params.W);
      sum += both * load(((image + oh) * params.OW + ow) * params.C + c);
    }
  }
  return sum;
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
    dx[i] = Y(gathered(i));
  } else {
    let at = 4u * i;
    dx[i] = Y(vec4f(gathered(at).x, gathered(at + 1u).x, gathered(at + 2u).x, gathered(at + 3u).x));
  }
}
