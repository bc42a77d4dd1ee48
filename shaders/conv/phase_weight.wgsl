// p[t,u,c,(2a+b)K+k] = Σ w[r,s,c,k] over the rows r that fall on pixel t for output a, and columns s on u for b:
// 0 | 1 2 for a = 0, 0 1 | 2 for a = 1
// w [3,3,C,K]   p [2,2,C,4K]
// One invocation: one pair of channels.
// use lib/grid.wgsl

struct Params { C: u32, K: u32 }

alias Y = f32;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read_write> p: array<Y>;

// The sums along one axis, in the order (a,t) = 00, 01, 10, 11.
fn sums(g: array<f32, 3>) -> array<f32, 4> {
  return array<f32, 4>(g[0], g[1] + g[2], g[0] + g[1], g[2]);
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

  var rows: array<array<f32, 4>, 3>;
  for (var r = 0u; r < 3u; r++) {
    var taps: array<f32, 3>;
    for (var s = 0u; s < 3u; s++) { taps[s] = f32(w[(r * 3u + s) * pairs + at]); }
    rows[r] = sums(taps);
  }
  for (var j = 0u; j < 4u; j++) {
    let both = sums(array<f32, 3>(rows[0][j], rows[1][j], rows[2][j]));
    for (var i = 0u; i < 4u; i++) {
      let pixel = i % 2u * 2u + j % 2u;
      let phase = i / 2u * 2u + j / 2u;
      p[pixel * 4u * pairs + column + phase * params.K] = Y(both[i]);
    }
  }
}
