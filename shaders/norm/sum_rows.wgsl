// y[group, c] = Σ_row x[group, row, c]
// x [groups, rows, C]   y [groups, C]
// One workgroup: 8 neighbouring channels of one group × 8 lanes over the rows. One invocation: every eighth row.
// use lib/grid.wgsl
// use lib/tree.wgsl

struct Params { groups: u32, rows: u32, channels: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let block = workgroup_number(group, groups);
  let blocks = (params.channels + 7u) / 8u;
  if (block >= blocks * params.groups) { return; }
  let c = block % blocks * 8u + lane % 8u;
  let base = block / blocks * params.rows * params.channels + c;
  var sum = 0.0;
  if (c < params.channels) {
    for (var row = lane / 8u; row < params.rows; row += 8u) { sum += f32(x[base + row * params.channels]); }
  }
  sum = sum_lanes(sum, lane, 8u);
  if (lane < 8u && c < params.channels) { y[block / blocks * params.channels + c] = sum; }
}
