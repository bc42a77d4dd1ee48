// y[m,c] = (x[m,c] − mean[c]) · gamma[c] / √(var[c] + epsilon) + beta[c]
// x, y [M,C] as vec4   gamma, beta, mean, var [C]
// One invocation: one column of a few super-rows (see lib/rows.wgsl), so that the channels' values are fetched once.
// use lib/grid.wgsl
// use lib/rows.wgsl

struct Params { vectors: u32, columns: u32, rowsPerChunk: u32, channels: u32, epsilon: f32 }

alias Y = vec4f;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> gamma: array<f32>;
@group(0) @binding(3) var<storage, read> beta: array<f32>;
@group(0) @binding(4) var<storage, read> mean: array<f32>;
@group(0) @binding(5) var<storage, read> variance: array<f32>;
@group(0) @binding(6) var<storage, read_write> y: array<Y>;

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
  let factor = vec4f(gamma[c.x], gamma[c.y], gamma[c.z], gamma[c.w]) / sqrt(vec4f(variance[c.x], variance[c.y], variance[c.z], variance[c.w]) + params.epsilon);
  let shift = vec4f(beta[c.x], beta[c.y], beta[c.z], beta[c.w]);
  for (var row = rows.x; row < rows.y; row++) {
    let at = row * params.columns + column;
    y[at] = Y((vec4f(x[at]) - average) * factor + shift);
  }
}
