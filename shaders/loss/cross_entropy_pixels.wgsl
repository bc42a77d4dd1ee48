// losses[p] = weight[p] (Σ_q t[p,q] (m + log Σ_q exp(z[p,q] − m)) − Σ_q t[p,q] z[p,q]) with m = max_q z[p,q]
// z, t [pixels, bins]   weight, losses [pixels]
// One invocation: one pixel.
// use lib/grid.wgsl
// use lib/softmax_sums.wgsl

struct Params { pixels: u32, bins: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> z: array<f32>;
@group(0) @binding(2) var<storage, read> t: array<f32>;
@group(0) @binding(3) var<storage, read> weight: array<f32>;
@group(0) @binding(4) var<storage, read_write> losses: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let pixel = workgroup_number(group, groups) * 64u + lane;
  if (pixel >= params.pixels) { return; }
  let sums = softmax_sums(pixel * params.bins, params.bins);
  losses[pixel] = weight[pixel] * (sums.whole * log(sums.exps) - sums.aligned);
}
