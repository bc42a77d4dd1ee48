// Mean and sum of squared deviations of each column over the super-rows of a chunk (see lib/rows.wgsl), by Welford's
// update (1962): mean ← mean + d/n, m2 ← m2 + d·(x − mean), with d = x − mean before the update.
// x [M,C] as vec4   mean, m2 [chunks, columns] as vec4
// One invocation: one vec4 of mean and of m2.
// use lib/grid.wgsl
// use lib/rows.wgsl

struct Params { partials: u32, elems: u32, columns: u32, rowsPerChunk: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> mean: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> m2: array<vec4f>;

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
  var average = vec4f(0.0);
  var deviation = vec4f(0.0);
  for (var row = rows.x; row < rows.y; row++) {
    let at = row * params.columns + column;
    let d = select(vec4f(0.0), vec4f(x[at]) - average, inside(at, params.elems));
    let step = d / f32(row - rows.x + 1u);
    average += step;
    deviation += d * (d - step);
  }
  mean[id] = average;
  m2[id] = deviation;
}
