// y[row,j] = exp(x[row,j] − m) / Σ_j exp(x[row,j] − m) with m = max_j x[row,j], so that nothing overflows
// x, y [rows, length]
// One workgroup: one row. One invocation: every 64th element of it.
// use lib/grid.wgsl
// use lib/tree.wgsl

struct Params { rows: u32, length: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = workgroup_number(group, groups);
  if (row >= params.rows) { return; }
  let base = row * params.length;
  var largest = x[base];
  for (var j = lane; j < params.length; j += 64u) { largest = max(largest, x[base + j]); }
  largest = max_lanes(largest, lane, 1u);
  var sum = 0.0;
  for (var j = lane; j < params.length; j += 64u) { sum += exp(x[base + j] - largest); }
  sum = sum_lanes(sum, lane, 1u);
  for (var j = lane; j < params.length; j += 64u) { y[base + j] = exp(x[base + j] - largest) / sum; }
}
