// ab[n,h,v] = slope · L[n,h,v] + offset, both interpolated between the four cells around (rows[h], columns[v])
// line [N,CH,CW] of (slope of a, slope of b, offset of a, offset of b)   L [N,H,W]   rows [H]   columns [W]   ab [N,H,W,2]
// One invocation: one pixel.
// use lib/grid.wgsl
// use lib/resize.wgsl

struct Params { pixels: u32, H: u32, W: u32, CH: u32, CW: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> line: array<vec4f>;
@group(0) @binding(2) var<storage, read> L: array<f32>;
@group(0) @binding(3) var<storage, read> rows: array<f32>;
@group(0) @binding(4) var<storage, read> columns: array<f32>;
@group(0) @binding(5) var<storage, read_write> ab: array<vec2f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let pixel = workgroup_number(group, groups) * 64u + lane;
  if (pixel >= params.pixels) { return; }
  let row = pixel / params.W;
  let h = place(rows[row % params.H], params.CH);
  let v = place(columns[pixel % params.W], params.CW);
  let image = row / params.H * params.CH;
  let upper = (image + h.low) * params.CW;
  let lower = (image + h.high) * params.CW;
  let above = mix(line[upper + v.low], line[upper + v.high], v.share);
  let below = mix(line[lower + v.low], line[lower + v.high], v.share);
  let both = mix(above, below, h.share);
  ab[pixel] = both.xy * L[pixel] + both.zw;
}
