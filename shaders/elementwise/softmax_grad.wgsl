// dx[row,j] = y[row,j] · Σ_i y[row,i]·(dy[row,j] − dy[row,i]) = y[row,j] · ((dy[row,j] − d)·Σ_i y[row,i] − Σ_i y[row,i]·(dy[row,i] − d))
// d is dy where the row's y is largest. Any d would give the same, but this one keeps the digits of a row whose largest y
// is almost 1: both terms are then small, instead of almost equal.
// dy, y, dx [rows, length]
// One workgroup: one row. One invocation: every 64th element of it.
// use lib/grid.wgsl
// use lib/tree.wgsl

struct Params { rows: u32, length: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> y: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = workgroup_number(group, groups);
  if (row >= params.rows) { return; }
  let base = row * params.length;
  var largest = y[base];
  for (var j = lane; j < params.length; j += 64u) { largest = max(largest, y[base + j]); }
  largest = max_lanes(largest, lane, 1u);
  // the last index with the largest y, as a float: the tree knows no other numbers
  var last = 0.0;
  for (var j = lane; j < params.length; j += 64u) {
    if (y[base + j] == largest) { last = f32(j); }
  }
  let d = dy[base + u32(max_lanes(last, lane, 1u))];
  var whole = 0.0;
  var sum = 0.0;
  for (var j = lane; j < params.length; j += 64u) {
    whole += y[base + j];
    sum += y[base + j] * (dy[base + j] - d);
  }
  whole = sum_lanes(whole, lane, 1u);
  sum = sum_lanes(sum, lane, 1u);
  for (var j = lane; j < params.length; j += 64u) { dx[base + j] = y[base + j] * ((dy[base + j] - d) * whole - sum); }
}
