// How much neighbours r and s of an image want to have the same colour:
//   k(r,s) = max(least, exp(−(L_r − L_s)² / (share · (variance_r + variance_s) + 2 · noise)))
// weights[r] = k to the pixels right, below left, below, below right of r; 0 where there is none
// diagonal[r] = strength + Σ k to all eight neighbours; 0 for a pixel that is not free (free ≤ 0)
// L, free, variance, diagonal [N,H,W]   weights [N,H,W] of vec4
// One invocation: one pixel.
// use lib/grid.wgsl

struct Params { pixels: u32, H: u32, W: u32, share: f32, noise: f32, least: f32, strength: f32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> L: array<f32>;
@group(0) @binding(2) var<storage, read> free: array<f32>;
@group(0) @binding(3) var<storage, read> variance: array<f32>;
@group(0) @binding(4) var<storage, read_write> weights: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> diagonal: array<f32>;

fn affinity(r: u32, s: u32) -> f32 {
  let difference = L[r] - L[s];
  let spread = params.share * (variance[r] + variance[s]) + 2.0 * params.noise;
  return max(params.least, exp(-difference * difference / spread));
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let r = workgroup_number(group, groups) * 64u + lane;
  if (r >= params.pixels) { return; }
  let column = r % params.W;
  let row = r / params.W % params.H;
  let left = column > 0u;
  let right = column + 1u < params.W;
  var ahead = vec4f(0.0);
  var behind = vec4f(0.0);
  if (right) { ahead.x = affinity(r, r + 1u); }
  if (left) { behind.x = affinity(r, r - 1u); }
  if (row + 1u < params.H) {
    let below = r + params.W;
    if (left) { ahead.y = affinity(r, below - 1u); }
    ahead.z = affinity(r, below);
    if (right) { ahead.w = affinity(r, below + 1u); }
  }
  if (row > 0u) {
    let above = r - params.W;
    if (left) { behind.y = affinity(r, above - 1u); }
    behind.z = affinity(r, above);
    if (right) { behind.w = affinity(r, above + 1u); }
  }
  weights[r] = ahead;
  let sum = dot(ahead, vec4f(1.0)) + dot(behind, vec4f(1.0));
  diagonal[r] = select(0.0, params.strength + sum, free[r] > 0.0);
}
