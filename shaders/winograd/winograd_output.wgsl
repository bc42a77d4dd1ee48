// y[n,oh,ow,yStart+k] = act(residual[n,oh,ow,k] + residualScale · (bias[k] + (Aᵀ m A)[oh mod 4, ow mod 4])), A as in lib/winograd
// m [36,tiles,K], for `tiles` of the N·TH·TW tiles of 4 × 4 outputs from tile `first` on   y [N,OH,OW,yChannels]
// bias [K] and residual [N,OH,OW,K], see lib/epilogue
// One invocation: one channel of a tile.
// use lib/grid.wgsl
// use lib/winograd.wgsl
// use lib/epilogue.wgsl

struct Params {
  first: u32, tiles: u32, TH: u32, TW: u32, OH: u32, OW: u32, K: u32,
  @align(16) epilogue: Epilogue,
}

alias Value = f32;
alias Y = f32;
const VALUE_CHANNELS = 1u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> m: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read> residual: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<Y>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = workgroup_number(group, groups) * 64u + lane;
  if (at >= params.tiles * params.K) { return; }
  let k = at % params.K;
  let tile = params.first + at / params.K;
  let top = tile / params.TW % params.TH * 4u;
  let left = tile % params.TW * 4u;
  let image = tile / (params.TW * params.TH) * params.OH;

  var rows: array<array<f32, 4>, 6>;
  for (var i = 0u; i < 6u; i++) {
    var row: array<f32, 6>;
    for (var j = 0u; j < 6u; j++) { row[j] = m[(i * 6u + j) * params.tiles * params.K + at]; }
    rows[i] = winograd_output(row);
  }
  for (var j = 0u; j < 4u; j++) {
    let column = winograd_output(
      array<f32, 6>(rows[0][j], rows[1][j], rows[2][j], rows[3][j], rows[4][j], rows[5][j]),
    );
    for (var i = 0u; i < 4u; i++) {
      if (top + i >= params.OH || left + j >= params.OW) { continue; }
      finish(column[i], (image + top + i) * params.OW + left + j, k, params.K);
    }
  }
}
