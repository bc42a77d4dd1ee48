// m ← β1·m + (1 − β1)·g     v ← β2·v + (1 − β2)·g²     p ← (1 − d)·p − lr · (m / c1) / (√(v / c2) + ε)
// with the bias corrections c1 = 1 − β1ᵗ, c2 = 1 − β2ᵗ of step t (Kingma and Ba 2015, algorithm 1), and with what decays
// in the step, d = lr · decay (Loshchilov and Hutter 2019, "Decoupled weight decay regularization", algorithm 2).
// g, p, m, v: all parameters in one row, as vec4   hyper [4] = [lr, c1, c2, d]
// factor [1]: what g is multiplied by, where 0 leaves all as it is; any buffer when SCALED is 0
// One invocation: one vec4 of parameters.
// use lib/grid.wgsl

override SCALED = 0u;

struct Params {
  vectors: u32,
  beta1: f32, oneMinusBeta1: f32,
  beta2: f32, oneMinusBeta2: f32,
  epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> g: array<vec4f>;
@group(0) @binding(2) var<storage, read> hyper: array<vec4f>;
@group(0) @binding(3) var<storage, read> factor: array<f32>;
@group(0) @binding(4) var<storage, read_write> p: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> m: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> v: array<vec4f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.vectors) { return; }
  var grad = g[i];
  if (SCALED == 1u) {
    if (factor[0] == 0.0) { return; }
    grad *= factor[0];
  }
  let mean = params.beta1 * m[i] + params.oneMinusBeta1 * grad;
  let square = params.beta2 * v[i] + params.oneMinusBeta2 * grad * grad;
  let h = hyper[0];
  p[i] -= h.w * p[i] + h.x * (mean / h.y) / (sqrt(square / h.z) + params.epsilon);
  m[i] = mean;
  v[i] = square;
}
