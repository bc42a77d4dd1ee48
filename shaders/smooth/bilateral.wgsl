// y[n,p] = Σ weight(q) · ab[n,q] / Σ weight(q)  over the cells q that are 0, ±step, ±2 step … rows and columns
// from p, at most `radius`, with
//   weight(q) = exp(−near · |p − q|² − like · (L[n,p] − L[n,q])² − akin · |ab[n,p] − ab[n,q]|²)
// ab [N,H,W,2]   L [N,H,W]   y [N,H,W,2]
// One invocation: one cell. The weight of p itself is 1, so that the sum is never 0.
// use lib/grid.wgsl

struct Params { cells: u32, H: u32, W: u32, radius: u32, step: u32, near: f32, like: f32, akin: f32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> ab: array<vec2f>;
@group(0) @binding(2) var<storage, read> L: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<vec2f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let cell = workgroup_number(group, groups) * 64u + lane;
  if (cell >= params.cells) { return; }
  let first = cell / (params.H * params.W) * params.H * params.W;
  let row = (cell - first) / params.W;
  let column = (cell - first) % params.W;
  let top = row - min(row, params.radius) / params.step * params.step;
  let bottom = min(row + params.radius + 1u, params.H);
  let left = column - min(column, params.radius) / params.step * params.step;
  let right = min(column + params.radius + 1u, params.W);
  let own = ab[cell];
  let lightness = L[cell];
  var weights = 0.0;
  var sum = vec2f(0.0);
  for (var h = top; h < bottom; h += params.step) {
    for (var v = left; v < right; v += params.step) {
      let at = first + h * params.W + v;
      let apart = vec2f(f32(row) - f32(h), f32(column) - f32(v));
      let colour = ab[at];
      let unlike = lightness - L[at];
      let other = own - colour;
      let exponent = params.near * dot(apart, apart) + params.like * unlike * unlike + params.akin * dot(other, other);
      let weight = exp(-exponent);
      weights += weight;
      sum += weight * colour;
    }
  }
  y[cell] = sum / weights;
}
