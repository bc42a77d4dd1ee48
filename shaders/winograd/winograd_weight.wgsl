// u[i,j] = G g Gᵀ for each pair of channels, G as in lib/winograd
// w [3,3,C,K]   u [36,C,K], g[r,s] = w[r,s,c,k]; with FLIPPED u [36,K,C], g[r,s] = w[2−r,2−s,c,k]:
// a convolution with that one is the gradient to the input
// One invocation: one element of each u[i,j].
// use lib/grid.wgsl
// use lib/winograd.wgsl

override FLIPPED = 0u;

struct Params { C: u32, K: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read_write> u: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = workgroup_number(group, groups) * 64u + lane;
  let pairs = params.C * params.K;
  if (at >= pairs) { return; }
  let pair = select(at, at % params.C * params.K + at / params.C, FLIPPED == 1u);

  var rows: array<array<f32, 6>, 3>;
  for (var r = 0u; r < 3u; r++) {
    var taps: array<f32, 3>;
    for (var s = 0u; s < 3u; s++) {
      taps[s] = f32(w[select(r * 3u + s, 8u - r * 3u - s, FLIPPED == 1u) * pairs + pair]);
    }
    rows[r] = winograd_weight(taps);
  }
  for (var j = 0u; j < 6u; j++) {
    let column = winograd_weight(array<f32, 3>(rows[0][j], rows[1][j], rows[2][j]));
    for (var i = 0u; i < 6u; i++) { u[(i * 6u + j) * pairs + at] = column[i]; }
  }
}
