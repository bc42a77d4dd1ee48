// variance[n,h,v] = mean of (L − mean)² over the 3 × 3 pixels around (h, v), as far as they lie in the image
// L, variance [N,H,W]
// One invocation: one pixel. The mean comes first, since E[L²] − E[L]² would cancel.
// use lib/grid.wgsl

struct Params { pixels: u32, H: u32, W: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> L: array<f32>;
@group(0) @binding(2) var<storage, read_write> variance: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let pixel = workgroup_number(group, groups) * 64u + lane;
  if (pixel >= params.pixels) { return; }
  let column = pixel % params.W;
  let row = pixel / params.W % params.H;
  let image = pixel / params.W / params.H * params.H;
  let top = max(row, 1u) - 1u;
  let bottom = min(row + 2u, params.H);
  let left = max(column, 1u) - 1u;
  let right = min(column + 2u, params.W);
  let count = f32((bottom - top) * (right - left));
  var mean = 0.0;
  for (var h = top; h < bottom; h++) {
    for (var v = left; v < right; v++) { mean += L[(image + h) * params.W + v]; }
  }
  mean /= count;
  var sum = 0.0;
  for (var h = top; h < bottom; h++) {
    for (var v = left; v < right; v++) {
      let difference = L[(image + h) * params.W + v] - mean;
      sum += difference * difference;
    }
  }
  variance[pixel] = sum / count;
}
