// v[i,j] = Bᵀ d B for the 6 × 6 pixels d that each tile of 4 × 4 outputs sees, zero outside the image; B as in lib/winograd
// x [N,H,W,C]   v [36,tiles,C], for `tiles` of the N·TH·TW tiles from tile `first` on
// One invocation: one element of each v[i,j].
// use lib/grid.wgsl
// use lib/winograd.wgsl

struct Params { first: u32, tiles: u32, TH: u32, TW: u32, H: u32, W: u32, C: u32, padTop: u32, padLeft: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> v: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = workgroup_number(group, groups) * 64u + lane;
  if (at >= params.tiles * params.C) { return; }
  let tile = params.first + at / params.C;
  // coordinates before the image wrap around to huge numbers, so one comparison covers both sides
  let top = tile / params.TW % params.TH * 4u - params.padTop;
  let left = tile % params.TW * 4u - params.padLeft;
  let image = tile / (params.TW * params.TH) * params.H;

  var d: array<array<f32, 6>, 6>;
  for (var i = 0u; i < 6u; i++) {
    for (var j = 0u; j < 6u; j++) {
      let isInside = top + i < params.H && left + j < params.W;
      let pixel = (image + min(top + i, params.H - 1u)) * params.W + min(left + j, params.W - 1u);
      d[i][j] = select(0.0, f32(x[pixel * params.C + at % params.C]), isInside);
    }
  }
  for (var i = 0u; i < 6u; i++) { d[i] = winograd_input(d[i]); }
  for (var j = 0u; j < 6u; j++) {
    let column = winograd_input(array<f32, 6>(d[0][j], d[1][j], d[2][j], d[3][j], d[4][j], d[5][j]));
    for (var i = 0u; i < 6u; i++) { v[(i * 6u + j) * params.tiles * params.C + at] = column[i]; }
  }
}
