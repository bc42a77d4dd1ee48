// dw = Gᵀ du G for each pair of channels, or added to what dw has already when ADD is 1; G as in lib/winograd
// du [36,C,K]   dw [3,3,C,K]
// One invocation: one element of each tap.
// use lib/grid.wgsl
// use lib/winograd.wgsl

override ADD = 0u;

struct Params { pairs: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> du: array<f32>;
@group(0) @binding(2) var<storage, read_write> dw: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = workgroup_number(group, groups) * 64u + lane;
  if (at >= params.pairs) { return; }
  var rows: array<array<f32, 3>, 6>;
  for (var i = 0u; i < 6u; i++) {
    var row: array<f32, 6>;
    for (var j = 0u; j < 6u; j++) { row[j] = du[(i * 6u + j) * params.pairs + at]; }
    rows[i] = winograd_weight_grad(row);
  }
  for (var s = 0u; s < 3u; s++) {
    let column = winograd_weight_grad(
      array<f32, 6>(rows[0][s], rows[1][s], rows[2][s], rows[3][s], rows[4][s], rows[5][s]),
    );
    for (var r = 0u; r < 3u; r++) {
      let i = (r * 3u + s) * params.pairs + at;
      if (ADD == 1u) { dw[i] += column[r]; } else { dw[i] = column[r]; }
    }
  }
}
