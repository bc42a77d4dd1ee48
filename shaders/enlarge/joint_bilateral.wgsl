// y[n,h,v] = Σ weight(q) · ab[n,q] / Σ weight(q)  over the cells q around the place p = (rows[h], columns[v]), with
//   weight(q) = exp(−near · |p − q|² − like · (L[n,h,v] − guide[n,q])²)
// The cells reach `radius` to each side of the one that p is nearest to, as far as they lie in the grid; places outside are
// those of its border.
// ab [N,CH,CW,2]   guide [N,CH,CW]   L [N,H,W]   rows [H]   columns [W]   y [N,H,W,2]
// One invocation: one pixel. The largest weight is scaled to 1, so that not all of them become 0.
// use lib/grid.wgsl

struct Params { pixels: u32, H: u32, W: u32, CH: u32, CW: u32, radius: u32, near: f32, like: f32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> ab: array<vec2f>;
@group(0) @binding(2) var<storage, read> guide: array<f32>;
@group(0) @binding(3) var<storage, read> L: array<f32>;
@group(0) @binding(4) var<storage, read> rows: array<f32>;
@group(0) @binding(5) var<storage, read> columns: array<f32>;
@group(0) @binding(6) var<storage, read_write> y: array<vec2f>;

fn inside(at: f32, size: u32) -> f32 { return clamp(at, 0.0, f32(size - 1u)); }

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let pixel = workgroup_number(group, groups) * 64u + lane;
  if (pixel >= params.pixels) { return; }
  let image = pixel / params.W / params.H * params.CH;
  let p = vec2f(inside(rows[pixel / params.W % params.H], params.CH), inside(columns[pixel % params.W], params.CW));
  let row = u32(p.x + 0.5);
  let column = u32(p.y + 0.5);
  let top = max(row, params.radius) - params.radius;
  let bottom = min(row + params.radius + 1u, params.CH);
  let left = max(column, params.radius) - params.radius;
  let right = min(column + params.radius + 1u, params.CW);

  var largest = -3.0e38;
  for (var h = top; h < bottom; h++) {
    for (var v = left; v < right; v++) {
      let apart = p - vec2f(f32(h), f32(v));
      let unlike = L[pixel] - guide[(image + h) * params.CW + v];
      largest = max(largest, -params.near * dot(apart, apart) - params.like * unlike * unlike);
    }
  }
  var weights = 0.0;
  var sum = vec2f(0.0);
  for (var h = top; h < bottom; h++) {
    for (var v = left; v < right; v++) {
      let at = (image + h) * params.CW + v;
      let apart = p - vec2f(f32(h), f32(v));
      let unlike = L[pixel] - guide[at];
      let weight = exp(-params.near * dot(apart, apart) - params.like * unlike * unlike - largest);
      weights += weight;
      sum += weight * ab[at];
    }
  }
  y[pixel] = sum / weights;
}
