// y[b,j,i] = x[b,i,j], or x[batch−1−b,i,j] when REVERSED is 1
// x [batch, rows, columns]   y [batch, columns, rows]
// One invocation: one element of y, in y's order, so that writes are contiguous.
// use lib/grid.wgsl

override REVERSED = 0u;

struct Params { batch: u32, rows: u32, columns: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = workgroup_number(group, groups) * 64u + lane;
  let size = params.rows * params.columns;
  if (at >= params.batch * size) { return; }
  let i = at % params.rows;
  let j = at / params.rows % params.columns;
  let b = select(at / size, params.batch - 1u - at / size, REVERSED == 1u);
  y[at] = f32(x[b * size + i * params.columns + j]);
}
