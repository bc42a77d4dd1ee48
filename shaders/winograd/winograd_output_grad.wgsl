// dm[i,j] = A dy Aᵀ for the 4 × 4 outputs of each tile, zero outside the image; A as in lib/winograd
// dy [N,OH,OW,K]   dm [36,tiles,K], for `tiles` of the N·TH·TW tiles from tile `first` on
// One invocation: one element of each dm[i,j].
// use lib/grid.wgsl
// use lib/winograd.wgsl

struct Params { first: u32, tiles: u32, TH: u32, TW: u32, OH: u32, OW: u32, K: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> dm: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = workgroup_number(group, groups) * 64u + lane;
  if (at >= params.tiles * params.K) { return; }
  let tile = params.first + at / params.K;
  let top = tile / params.TW % params.TH * 4u;
  let left = tile % params.TW * 4u;
  let image = tile / (params.TW * params.TH) * params.OH;

  var rows: array<array<f32, 6>, 4>;
  for (var i = 0u; i < 4u; i++) {
    var row: array<f32, 4>;
    for (var j = 0u; j < 4u; j++) {
      let isInside = top + i < params.OH && left + j < params.OW;
      let pixel = (image + min(top + i, params.OH - 1u)) * params.OW + min(left + j, params.OW - 1u);
      row[j] = select(0.0, f32(dy[pixel * params.K + at % params.K]), isInside);
    }
    rows[i] = winograd_output_grad(row);
  }
  for (var j = 0u; j < 6u; j++) {
    let column = winograd_output_grad(array<f32, 4>(rows[0][j], rows[1][j], rows[2][j], rows[3][j]));
    for (var i = 0u; i < 6u; i++) { dm[(i * 6u + j) * params.tiles * params.K + at] = column[i]; }
  }
}
