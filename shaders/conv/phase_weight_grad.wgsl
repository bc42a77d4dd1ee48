// dw[r,s,c,k] = Σ_{a,b} dp[t,u,c,(2a+b)K+k], t and u the pixels on which row r and column s fall for output (a,b): the transpose
// of phase_weight
// dp [2,2,C,4K]   dw [3,3,C,K]
// One invocation: one pair of channels.
// use lib/grid.wgsl

struct Params { C: u32, K: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dp: array<f32>;
@group(0) @binding(2) var<storage, read_write> dw: array<f32>;

// What the taps along one axis get from the sums (a,t) = 00, 01, 10, 11 that they are in.
fn taps(d: array<f32, 4>) -> array<f32, 3> {
  return array<f32, 3>(d[0] + d[2], d[1] + d[2], d[1] + d[3]);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = workgroup_number(group, groups) * 64u + lane;
  let pairs = params.C * params.K;
  if (at >= pairs) { return; }
  let column = at / params.K * 4u * params.K + at % params.K;

  var rows: array<array<f32, 3>, 4>;
  for (var i = 0u; i < 4u; i++) {
    var row: array<f32, 4>;
    for (var j = 0u; j < 4u; j++) {
      let pixel = i % 2u * 2u + j % 2u;
      let phase = i / 2u * 2u + j / 2u;
      row[j] = f32(dp[pixel * 4u * pairs + column + phase * params.K]);
    }
    rows[i] = taps(row);
  }
  for (var s = 0u; s < 3u; s++) {
    let both = taps(array<f32, 4>(rows[0][s], rows[1][s], rows[2][s], rows[3][s]));
    for (var r = 0u; r < 3u; r++) { dw[(r * 3u + s) * pairs + at] = both[r]; }
  }
}
