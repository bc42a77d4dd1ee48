// dz[p,q] = dloss · weight[p] / pixels · (softmax(z[p])_q · Σ_r t[p,r] − t[p,q])
// dloss [1]   z, t, dz [pixels, bins]   weight [pixels]
// One invocation: one pixel.
// use lib/grid.wgsl
// use lib/softmax_sums.wgsl

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
  let pixel = workgroup_number(group, groups) * 64u + lane;
  if (pixel >= params.pixels) { return; }
  let base = pixel * params.bins;
  let sums = softmax_sums(base, params.bins);
  let factor = dloss[0] * weight[pixel] / f32(params.pixels);
  for (var q = 0u; q < params.bins; q++) {
    dz[base + q] = factor * (exp(z[base + q] - sums.largest) * sums.whole / sums.exps - t[base + q]);
  }
}
