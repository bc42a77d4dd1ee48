// Colours as a linear function of lightness, by least squares over the window of cells around each cell:
//   slope = covariance(ab, L) / (variance(L) + epsilon)   and   offset = mean(ab) − slope · mean(L)
// The window reaches `radius` cells to each side, as far as they lie in the grid.
// ab [N,H,W,2]   L [N,H,W]   line [N,H,W] of (slope of a, slope of b, offset of a, offset of b)
// One invocation: one cell. Means come first, since E[L²] − E[L]² would cancel.
// use lib/grid.wgsl

struct Params { cells: u32, H: u32, W: u32, radius: u32, epsilon: f32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> ab: array<vec2f>;
@group(0) @binding(2) var<storage, read> L: array<f32>;
@group(0) @binding(3) var<storage, read_write> line: array<vec4f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let cell = workgroup_number(group, groups) * 64u + lane;
  if (cell >= params.cells) { return; }
  let column = cell % params.W;
  let row = cell / params.W % params.H;
  let image = cell / params.W / params.H * params.H;
  let top = max(row, params.radius) - params.radius;
  let bottom = min(row + params.radius + 1u, params.H);
  let left = max(column, params.radius) - params.radius;
  let right = min(column + params.radius + 1u, params.W);
  let count = f32((bottom - top) * (right - left));

  var meanL = 0.0;
  var mean = vec2f(0.0);
  for (var h = top; h < bottom; h++) {
    for (var v = left; v < right; v++) {
      let at = (image + h) * params.W + v;
      meanL += L[at];
      mean += ab[at];
    }
  }
  meanL /= count;
  mean /= count;

  var variance = 0.0;
  var covariance = vec2f(0.0);
  for (var h = top; h < bottom; h++) {
    for (var v = left; v < right; v++) {
      let at = (image + h) * params.W + v;
      let difference = L[at] - meanL;
      variance += difference * difference;
      covariance += difference * (ab[at] - mean);
    }
  }
  let slope = covariance / (variance + count * params.epsilon);
  line[cell] = vec4f(slope, mean - slope * meanL);
}
