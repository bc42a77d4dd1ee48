// sums[chunk, column] = Σ (p − t)² over the super-rows of the chunk (see lib/rows.wgsl)
// p, t: any one shape, as vec4   sums [chunks, columns] as vec4
// One invocation: one vec4 of sums.
// use lib/grid.wgsl
// use lib/rows.wgsl

struct Params { partials: u32, elems: u32, columns: u32, rowsPerChunk: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> p: array<vec4f>;
@group(0) @binding(2) var<storage, read> t: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> sums: array<vec4f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let id = workgroup_number(group, groups) * 64u + lane;
  if (id >= params.partials) { return; }
  let column = id % params.columns;
  let vectors = (params.elems + 3u) / 4u;
  let rows = super_rows(id / params.columns, params.rowsPerChunk, column, params.columns, vectors);
  var sum = vec4f(0.0);
  for (var row = rows.x; row < rows.y; row++) {
    let at = row * params.columns + column;
    let d = select(vec4f(0.0), p[at] - t[at], inside(at, params.elems));
    sum += d * d;
  }
  sums[id] = sum;
}
