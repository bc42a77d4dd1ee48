// y[n,oh,ow,c] = x[n, rows[oh], columns[ow], c], both indices cut to whole numbers inside the image
// x [N,H,W,C] as vec4   rows [OH]   columns [OW]   y [N,OH,OW,C] as vec4
// VECTOR: C is a multiple of 4 and counted in vec4s, as all indices; else they count elements.
// One invocation: one vec4 of y.
// use lib/grid.wgsl

override VECTOR = 1u;

struct Params { vectors: u32, H: u32, W: u32, C: u32, OH: u32, OW: u32 }

alias Y = vec4f;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> rows: array<f32>;
@group(0) @binding(3) var<storage, read> columns: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<Y>;

fn source(at: u32) -> u32 {
  let row = at / params.C / params.OW;
  let h = min(u32(max(rows[row % params.OH], 0.0)), params.H - 1u);
  let v = min(u32(max(columns[at / params.C % params.OW], 0.0)), params.W - 1u);
  return ((row / params.OH * params.H + h) * params.W + v) * params.C + at % params.C;
}

fn element(at: u32) -> f32 {
  let origin = source(at);
  return f32(x[origin / 4u][origin % 4u]);
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
    y[i] = Y(x[source(i)]);
  } else {
    let at = 4u * i;
    y[i] = Y(vec4f(element(at), element(at + 1u), element(at + 2u), element(at + 3u)));
  }
}
