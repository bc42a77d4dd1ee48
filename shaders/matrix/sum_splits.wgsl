// y[i,yStart+k] = act(residual[i,k] + residualScale · (bias[k] + Σ_p x[p,i,k])), added in the order of p so that the bits don't
// vary from run to run
// x [splits,rows,K] as vec4   y [rows,yChannels] as vec4
// bias [K] and residual [rows,K] as vec4: any buffer when HAS_BIAS or HAS_RESIDUAL is 0; then they and the scale are left out
// One invocation: one vec4 of y.
// use lib/grid.wgsl
// use lib/activation.wgsl

override HAS_BIAS = 1u;
override HAS_RESIDUAL = 0u;

struct Params {
  rows: u32, K: u32, splits: u32,
  yStart: u32, yChannels: u32, residualScale: f32, low: f32, high: f32,
}

alias Y = vec4f;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> bias: array<vec4f>;
@group(0) @binding(3) var<storage, read> residual: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> y: array<Y>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let K4 = params.K / 4u;
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.rows * K4) { return; }
  var value = vec4f(0.0);
  for (var p = 0u; p < params.splits; p++) { value += x[p * params.rows * K4 + i]; }
  if (HAS_BIAS == 1u) { value += vec4f(bias[i % K4]); }
  if (HAS_RESIDUAL == 1u) { value = vec4f(residual[i]) + params.residualScale * value; }
  y[(i / K4 * params.yChannels + params.yStart) / 4u + i % K4] = Y(activate(value, params.low, params.high));
}
