// y[n,oh,ow,c] = mean of x[n,h,v,c] over rows[oh] ≤ h < rows[oh + 1] and columns[ow] ≤ v < columns[ow + 1] inside the image;
// 0 for a cell without pixels
// x [N,H,W,C]   rows [OH + 1]   columns [OW + 1]   y [N,OH,OW,C]
// One invocation: one element of y. Each row is summed by itself, which rounds less.
// use lib/grid.wgsl

struct Params { elems: u32, H: u32, W: u32, C: u32, OH: u32, OW: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> rows: array<f32>;
@group(0) @binding(3) var<storage, read> columns: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

fn edge(at: f32, size: u32) -> u32 { return u32(clamp(at, 0.0, f32(size))); }

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.elems) { return; }
  let c = i % params.C;
  let ow = i / params.C % params.OW;
  let oh = i / params.C / params.OW % params.OH;
  let image = i / params.C / params.OW / params.OH * params.H;
  let top = edge(rows[oh], params.H);
  let bottom = edge(rows[oh + 1u], params.H);
  let left = edge(columns[ow], params.W);
  let right = edge(columns[ow + 1u], params.W);
  var sum = 0.0;
  for (var h = top; h < bottom; h++) {
    var line = 0.0;
    for (var v = left; v < right; v++) { line += x[((image + h) * params.W + v) * params.C + c]; }
    sum += line;
  }
  let isEmpty = bottom <= top || right <= left;
  y[i] = select(sum / f32((bottom - top) * (right - left)), 0.0, isEmpty);
}
