// The sums of dy·x̂ and of dy over the super-rows of a chunk (see lib/rows.wgsl), x̂ = (x − mean) / √(var + epsilon)
// dy, x [M,C] as vec4   mean, var [C]   dgamma, dbeta [chunks, columns] as vec4
// One invocation: one vec4 of dgamma and of dbeta.
// use lib/grid.wgsl
// use lib/rows.wgsl

struct Params {
  partials: u32, elems: u32, columns: u32, rowsPerChunk: u32, channels: u32,
  epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read> mean: array<f32>;
@group(0) @binding(4) var<storage, read> variance: array<f32>;
@group(0) @binding(5) var<storage, read_write> dgamma: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> dbeta: array<vec4f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let id = workgroup_number(group, groups) * 64u + lane;
  if (id >= params.partials) { return; }
  let column = id % params.columns;
  let c = channels_of(column, params.channels);
  let vectors = (params.elems + 3u) / 4u;
  let rows = super_rows(id / params.columns, params.rowsPerChunk, column, params.columns, vectors);
  let average = vec4f(mean[c.x], mean[c.y], mean[c.z], mean[c.w]);
  var product = vec4f(0.0);
  var sum = vec4f(0.0);
  for (var row = rows.x; row < rows.y; row++) {
    let at = row * params.columns + column;
    let valid = inside(at, params.elems);
    let grad = select(vec4f(0.0), vec4f(dy[at]), valid);
    product += grad * select(vec4f(0.0), vec4f(x[at]) - average, valid);
    sum += grad;
  }
  dgamma[id] = product / sqrt(vec4f(variance[c.x], variance[c.y], variance[c.z], variance[c.w]) + params.epsilon);
  dbeta[id] = sum;
}
