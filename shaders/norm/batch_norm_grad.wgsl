// dx[m,c] = gamma[c]·r[c] · (dy[m,c] − dbeta[c]/M − x̂[m,c]·dgamma[c]/M), r = 1/√(var + epsilon), x̂ = (x − mean)·r
// dy, x, dx [M,C] as vec4   gamma, mean, var, dgamma, dbeta [C]
// One invocation: one column of a few super-rows (see lib/rows.wgsl), so that the channels' values are fetched once.
// use lib/grid.wgsl
// use lib/rows.wgsl

struct Params { vectors: u32, columns: u32, rowsPerChunk: u32, channels: u32, M: u32, epsilon: f32 }

alias Y = vec4f;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read> gamma: array<f32>;
@group(0) @binding(4) var<storage, read> mean: array<f32>;
@group(0) @binding(5) var<storage, read> variance: array<f32>;
@group(0) @binding(6) var<storage, read> dgamma: array<f32>;
@group(0) @binding(7) var<storage, read> dbeta: array<f32>;
@group(0) @binding(8) var<storage, read_write> dx: array<Y>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let id = workgroup_number(group, groups) * 64u + lane;
  let column = id % params.columns;
  let rows = super_rows(id / params.columns, params.rowsPerChunk, column, params.columns, params.vectors);
  let c = channels_of(column, params.channels);
  let average = vec4f(mean[c.x], mean[c.y], mean[c.z], mean[c.w]);
  let r = 1.0 / sqrt(vec4f(variance[c.x], variance[c.y], variance[c.z], variance[c.w]) + params.epsilon);
  let factor = vec4f(gamma[c.x], gamma[c.y], gamma[c.z], gamma[c.w]) * r;
  let slope = vec4f(dgamma[c.x], dgamma[c.y], dgamma[c.z], dgamma[c.w]) * r / f32(params.M);
  let offset = vec4f(dbeta[c.x], dbeta[c.y], dbeta[c.z], dbeta[c.w]) / f32(params.M);
  for (var row = rows.x; row < rows.y; row++) {
    let at = row * params.columns + column;
    dx[at] = Y(factor * (vec4f(dy[at]) - offset - (vec4f(x[at]) - average) * slope));
  }
}
