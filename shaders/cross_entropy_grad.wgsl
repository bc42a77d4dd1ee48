// dz[p,q] = dloss · weight[p] / pixels · (softmax(z[p])_q · Σ_r t[p,r] − t[p,q])
// dloss [1]   z, t, dz [pixels, bins]   weight [pixels]
// One workgroup: one pixel. One invocation: every 64th bin of it.
// use lib/grid.wgsl
// use lib/tree.wgsl

struct Params { pixels: u32, bins: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dloss: array<f32>;
@group(0) @binding(2) var<storage, read> z: array<f32>;
@group(0) @binding(3) var<storage, read> t: array<f32>;
@group(0) @binding(4) var<storage, read> weight: array<f32>;
@group(0) @binding(5) var<storage, read_write> dz: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let pixel = workgroup_number(group, groups);
  if (pixel >= params.pixels) { return; }
  let base = pixel * params.bins;
  var largest = z[base];
  for (var q = lane; q < params.bins; q += 64u) { largest = max(largest, z[base + q]); }
  largest = max_lanes(largest, lane, 1u);
  var sum = 0.0;
  var whole = 0.0;
  for (var q = lane; q < params.bins; q += 64u) {
    sum += exp(z[base + q] - largest);
    whole += t[base + q];
  }
  let share = sum_lanes(whole, lane, 1u) / sum_lanes(sum, lane, 1u);
  let factor = dloss[0] * weight[pixel] / f32(params.pixels);
  for (var q = lane; q < params.bins; q += 64u) {
    dz[base + q] = factor * (exp(z[base + q] - largest) * share - t[base + q]);
  }
}
