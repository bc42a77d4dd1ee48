// y[outer, split, c] = factor · Σ x[outer, row, c], or the largest of them with MAX, over the rows of the split:
// row split·rowsPerSplit and the rowsPerSplit − 1 after it
// x [outer, rows, inner]   y [outer, splits, inner]
// One workgroup: LANES (a power of 2) neighbouring c of one split × 64 / LANES lanes over its rows.
// use lib/grid.wgsl
// use lib/tree.wgsl

override LANES = 16u;
override MAX = 0u;

struct Params { outer: u32, rows: u32, inner: u32, splits: u32, rowsPerSplit: u32, factor: f32 }

alias Y = f32;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<Y>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let block = workgroup_number(group, groups);
  let blocks = (params.inner + LANES - 1u) / LANES;
  let place = block / blocks;
  if (place >= params.outer * params.splits) { return; }
  // lanes beyond the last c compute it again and write nothing
  let c = block % blocks * LANES + lane % LANES;
  let column = min(c, params.inner - 1u);
  let first = place % params.splits * params.rowsPerSplit;
  let end = min(first + params.rowsPerSplit, params.rows);
  let base = place / params.splits * params.rows * params.inner + column;
  var result = 0.0;
  if (MAX == 1u) {
    result = f32(x[base + first * params.inner]);
    for (var row = first + lane / LANES; row < end; row += 64u / LANES) {
      result = max(result, f32(x[base + row * params.inner]));
    }
    result = max_lanes(result, lane, LANES);
  } else {
    for (var row = first + lane / LANES; row < end; row += 64u / LANES) { result += f32(x[base + row * params.inner]); }
    result = sum_lanes(result, lane, LANES) * params.factor;
  }
  if (lane < LANES && c < params.inner) { y[place * params.inner + c] = Y(result); }
}
