// Mean and biased variance of each channel from those of its chunks (Chan, Golub and LeVeque 1979, for all at once):
// mean = Σ_i n_i·mean_i / M   var = Σ_i (m2_i + n_i·(mean_i − mean)²) / M   n_i: rows of x in part i
// means, m2s [parts, C]: part i is row i % superRow of the super-rows of chunk i / superRow   mean, var [C]
// One workgroup: 8 neighbouring channels × 8 lanes over the parts. One invocation: every eighth part.
// use lib/grid.wgsl
// use lib/tree.wgsl

struct Params {
  M: u32, // rows of x
  parts: u32, channels: u32,
  superRow: u32, // rows of x in a super-row
  rowsPerChunk: u32, // super-rows
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> means: array<f32>;
@group(0) @binding(2) var<storage, read> m2s: array<f32>;
@group(0) @binding(3) var<storage, read_write> mean: array<f32>;
@group(0) @binding(4) var<storage, read_write> variance: array<f32>;

fn count(part: u32) -> f32 {
  let first = part / params.superRow * params.rowsPerChunk * params.superRow + part % params.superRow;
  let left = (max(params.M, first) - first + params.superRow - 1u) / params.superRow;
  return f32(min(left, params.rowsPerChunk));
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let block = workgroup_number(group, groups);
  let blocks = (params.channels + 7u) / 8u;
  if (block >= blocks) { return; }
  let c = block * 8u + lane % 8u;
  let parts = select(0u, params.parts, c < params.channels);
  // means are summed as distances from the first, so that a large mean does not cost the sum its last digits
  let first = means[min(c, params.channels - 1u)];
  var sum = 0.0;
  for (var i = lane / 8u; i < parts; i += 8u) { sum += count(i) * (means[i * params.channels + c] - first); }
  let average = first + sum_lanes(sum, lane, 8u) / f32(params.M);
  var deviation = 0.0;
  for (var i = lane / 8u; i < parts; i += 8u) {
    let d = means[i * params.channels + c] - average;
    deviation += m2s[i * params.channels + c] + count(i) * d * d;
  }
  deviation = sum_lanes(deviation, lane, 8u);
  if (lane < 8u && c < params.channels) {
    mean[c] = average;
    variance[c] = deviation / f32(params.M);
  }
}
