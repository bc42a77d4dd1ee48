// y[batch,m,n] = bias[n] + Σ_k a[batch,m,k] · b[batch,k,n], batches broadcast as numpy does
// a [batches,M,K]   b [batches,K,N]   bias [N] (any buffer when HAS_BIAS is 0)   y [batches,M,N]
// size0…5: axes of y's batches, a0…5 and b0…5: distance of a's and b's matrices along them, 0 along those that they repeat
// One invocation: ROWS neighbouring rows × COLUMNS columns that stand LX apart, summed in registers.
// One workgroup: LX lanes side by side over the columns, so that b is read contiguously, and LY over groups of rows.
// use lib/grid.wgsl
// use lib/strided.wgsl

const ROWS = 8u;
const COLUMNS = 2u;
override LX = 8u;
override LY = 8u;
override HAS_BIAS = 1u;

struct Params {
  batches: u32, M: u32, K: u32, N: u32,
  size0: u32, size1: u32, size2: u32, size3: u32, size4: u32, size5: u32,
  a0: u32, a1: u32, a2: u32, a3: u32, a4: u32, a5: u32,
  b0: u32, b1: u32, b2: u32, b3: u32, b4: u32, b5: u32,
}

alias Y = f32;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<Y>;

@compute @workgroup_size(LX, LY)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) lane: vec3u,
) {
  let across = (params.N + LX * COLUMNS - 1u) / (LX * COLUMNS);
  let down = (params.M + LY * ROWS - 1u) / (LY * ROWS);
  let tile = workgroup_number(group, groups);
  let batch = tile / (across * down);
  if (batch >= params.batches) { return; }
  let first_n = tile % across * LX * COLUMNS + lane.x;
  let first_m = (tile / across % down * LY + lane.y) * ROWS;
  let size = array<u32, 6>(params.size0, params.size1, params.size2, params.size3, params.size4, params.size5);
  let a_step = array<u32, 6>(params.a0, params.a1, params.a2, params.a3, params.a4, params.a5);
  let b_step = array<u32, 6>(params.b0, params.b1, params.b2, params.b3, params.b4, params.b5);
  let a_matrix = strided(batch, size, a_step);
  let b_matrix = strided(batch, size, b_step);

  // lanes beyond the last row or column compute it again and write nothing
  var row: array<u32, ROWS>;
  for (var i = 0u; i < ROWS; i++) { row[i] = a_matrix + min(first_m + i, params.M - 1u) * params.K; }
  var column: array<u32, COLUMNS>;
  for (var j = 0u; j < COLUMNS; j++) { column[j] = min(first_n + j * LX, params.N - 1u); }

  var sum: array<f32, ROWS * COLUMNS>;
  for (var k = 0u; k < params.K; k++) {
    var right: array<f32, COLUMNS>;
    for (var j = 0u; j < COLUMNS; j++) { right[j] = f32(b[b_matrix + k * params.N + column[j]]); }
    for (var i = 0u; i < ROWS; i++) {
      let left = f32(a[row[i] + k]);
      for (var j = 0u; j < COLUMNS; j++) { sum[i * COLUMNS + j] += left * right[j]; }
    }
  }

  for (var i = 0u; i < ROWS; i++) {
    if (first_m + i >= params.M) { continue; }
    for (var j = 0u; j < COLUMNS; j++) {
      if (first_n + j * LX >= params.N) { continue; }
      var value = sum[i * COLUMNS + j];
      if (HAS_BIAS == 1u) { value += f32(bias[column[j]]); }
      y[(batch * params.M + first_m + i) * params.N + column[j]] = Y(value);
    }
  }
}
