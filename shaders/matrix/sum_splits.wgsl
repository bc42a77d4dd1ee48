// y[i,yStart+k] = act(residual[i,k] + residualScale · (bias[k] + Σ_p x[p,i,k])), added in the order of p so that the bits don't
// vary from run to run
// x [splits,rows,K] as vec4   y [rows,yChannels] as vec4
// bias [K] and residual [rows,K] as vec4, see lib/epilogue
// One invocation: one vec4 of y.
// use lib/grid.wgsl
// use lib/epilogue.wgsl

struct Params { rows: u32, K: u32, splits: u32, @align(16) epilogue: Epilogue }

alias Value = vec4f;
alias Y = vec4f;
const VALUE_CHANNELS = 4u;

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
  var sum = vec4f(0.0);
  for (var p = 0u; p < params.splits; p++) { sum += x[p * params.rows * K4 + i]; }
  finish(sum, i / K4, i % K4, K4);
}
