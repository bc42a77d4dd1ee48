// losses[p] = weight[p] (Σ_q t[p,q] (m + log Σ_q exp(z[p,q] − m)) − Σ_q t[p,q] z[p,q]) with m = max_q z[p,q]
// z, t [pixels, bins]   weight, losses [pixels]
// One workgroup: one pixel. One invocation: every 64th bin of it.
// use lib/grid.wgsl
// use lib/tree.wgsl

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
  let pixel = workgroup_number(group, groups);
  if (pixel >= params.pixels) { return; }
  let base = pixel * params.bins;
  var largest = z[base];
  for (var q = lane; q < params.bins; q += 64u) { largest = max(largest, z[base + q]); }
  largest = max_lanes(largest, lane, 1u);
  var sum = 0.0;
  var whole = 0.0;
  var seen = 0.0;
  for (var q = lane; q < params.bins; q += 64u) {
    let above = z[base + q] - largest; // differences to the largest, so that nothing cancels
    sum += exp(above);
    whole += t[base + q];
    seen += t[base + q] * above;
  }
  sum = sum_lanes(sum, lane, 1u);
  whole = sum_lanes(whole, lane, 1u);
  seen = sum_lanes(seen, lane, 1u);
  if (lane == 0u) { losses[pixel] = weight[pixel] * (whole * log(sum) - seen); }
}
