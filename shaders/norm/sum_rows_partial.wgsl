// sums[group, chunk, column] = Σ x[group, row, column] over the super-rows of the chunk (see lib/rows.wgsl)
// x [groups, rows, C] as vec4; with several groups rows·C is a multiple of 4
// sums [groups, chunks, columns] as vec4, which is [groups, rows of sums, C]
// One invocation: one vec4 of sums.
// use lib/grid.wgsl
// use lib/rows.wgsl

struct Params {
  partials: u32, // vec4s of sums
  elems: u32, // of one group
  columns: u32, rowsPerChunk: u32, chunks: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> sums: array<vec4f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let id = workgroup_number(group, groups) * 64u + lane;
  if (id >= params.partials) { return; }
  let column = id % params.columns;
  let chunk = id / params.columns;
  let vectors = (params.elems + 3u) / 4u;
  let base = chunk / params.chunks * vectors;
  let rows = super_rows(chunk % params.chunks, params.rowsPerChunk, column, params.columns, vectors);
  var sum = vec4f(0.0);
  for (var row = rows.x; row < rows.y; row++) {
    let at = row * params.columns + column;
    sum += select(vec4f(0.0), vec4f(x[base + at]), inside(at, params.elems));
  }
  sums[id] = sum;
}
