// y[n,p] = ab[n,p] + Σ weight(q) · (unit · hint[n,q] − ab[n,q]) / (Σ weight(q) + prior)  over the cells q that are told, with
//   weight(q) = mask[n,q] · exp(−near · |p − q|² − like · (L[n,p] − L[n,q])² − akin · |ab[n,p] − ab[n,q]|²)
// ab [N,H,W,2]   L [N,H,W]   hints [N,H,W,3] = [hint, mask], with a mask of 0 where nothing is told   y [N,H,W,2]
// One invocation: one cell.
// use lib/grid.wgsl

struct Params { cells: u32, H: u32, W: u32, unit: f32, near: f32, like: f32, akin: f32, prior: f32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> ab: array<vec2f>;
@group(0) @binding(2) var<storage, read> L: array<f32>;
@group(0) @binding(3) var<storage, read> hints: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<vec2f>;

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
  var weights = params.prior;
  var sum = vec2f(0.0);
  for (var h = 0u; h < params.H; h++) {
    for (var v = 0u; v < params.W; v++) {
      let at = first + h * params.W + v;
      let mask = hints[3u * at + 2u];
      if (mask > 0.0) {
        let apart = vec2f(f32(row) - f32(h), f32(column) - f32(v));
        let unlike = L[cell] - L[at];
        let other = ab[cell] - ab[at];
        let exponent = params.near * dot(apart, apart) + params.like * unlike * unlike + params.akin * dot(other, other);
        let weight = mask * exp(-exponent);
        weights += weight;
        sum += weight * (params.unit * vec2f(hints[3u * at], hints[3u * at + 1u]) - ab[at]);
      }
    }
  }
  y[cell] = ab[cell] + sum / weights;
}
