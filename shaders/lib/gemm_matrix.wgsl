// The matrix product of lib/gemm by the subgroups' matrices (tensor cores): both operands are rounded to float16, the sums are
// float32. Beyond the last term the rows are 0.
// One workgroup: LANES lanes in subgroups of SUBGROUP, which stand in SUBGROUPS_Y rows. One subgroup: DOWN × ACROSS matrices of
// TILE_M × TILE_N sums.
// use lib/gemm.wgsl

enable f16;
enable subgroups;
enable chromium_experimental_subgroup_matrix;

const TILE_M = 16u;
const TILE_N = 16u;
const TILE_K = 16u;
const SUBGROUP = 32u;
const SUBGROUPS_Y = 2u;
const LANES = 128u;
const HEIGHT = 64u;
const WIDTH = 16u;
const DEPTH = 32u;
const SUBGROUPS = LANES / SUBGROUP;
const SUBGROUPS_X = SUBGROUPS / SUBGROUPS_Y;
const DOWN = HEIGHT / TILE_M / SUBGROUPS_Y;
const ACROSS = WIDTH * 4u / TILE_N / SUBGROUPS_X;
// some more than the terms and columns: rows begin in different banks, at multiples of 16 bytes
const ROW_PITCH = DEPTH + 8u;
const COLUMN_PITCH = WIDTH * 4u + 8u;

alias Left = subgroup_matrix_left<f16, TILE_K, TILE_M>;
alias Right = subgroup_matrix_right<f16, TILE_N, TILE_K>;
alias Sum = subgroup_matrix_result<f32, TILE_N, TILE_M>;

var<workgroup> rows: array<f16, HEIGHT * ROW_PITCH>;
var<workgroup> columns: array<f16, DEPTH * COLUMN_PITCH>;
var<workgroup> sums: array<f32, SUBGROUPS * TILE_M * TILE_N>;

fn keep_left(m: u32, term: u32, value: f32, isTerm: bool) {
  rows[m * ROW_PITCH + term] = select(0.0h, f16(value), isTerm);
}
fn keep_right(i: u32, value: vec4f) {
  let column = vec4h(value);
  let at = i / WIDTH * COLUMN_PITCH + i % WIDTH * 4u;
  for (var k = 0u; k < 4u; k++) { columns[at + k] = column[k]; }
}

fn product(group: vec3u, index: u32, subgroup: u32, lane: u32) {
  let tile = tile_of(group);
  var loaded = loaded_rows(tile, index);
  let down = subgroup / SUBGROUPS_X * DOWN * TILE_M;
  let across = subgroup % SUBGROUPS_X * ACROSS * TILE_N;

  var sum: array<Sum, DOWN * ACROSS>;
  for (var first_l = tile.terms.x; first_l < tile.terms.y; first_l += DEPTH) {
    load(tile, first_l, index, &loaded);
    workgroupBarrier();
    for (var term = 0u; term < DEPTH; term += TILE_K) {
      var matrix: array<Right, ACROSS>;
      for (var j = 0u; j < ACROSS; j++) {
        let at = term * COLUMN_PITCH + across + j * TILE_N;
        matrix[j] = subgroupMatrixLoad<Right, row_major>(&columns, at, COLUMN_PITCH);
      }
      for (var i = 0u; i < DOWN; i++) {
        let at = (down + i * TILE_M) * ROW_PITCH + term;
        let factor = subgroupMatrixLoad<Left, row_major>(&rows, at, ROW_PITCH);
        for (var j = 0u; j < ACROSS; j++) {
          sum[i * ACROSS + j] = subgroupMatrixMultiplyAccumulate(factor, matrix[j], sum[i * ACROSS + j]);
        }
      }
    }
    workgroupBarrier();
  }

  // the lanes of a subgroup cannot see which elements of a matrix they hold, so each goes through memory
  let own = subgroup * TILE_M * TILE_N;
  for (var i = 0u; i < DOWN * ACROSS; i++) {
    subgroupMatrixStore<row_major>(&sums, own, sum[i], TILE_N);
    workgroupBarrier();
    for (var at = lane * 4u; at < TILE_M * TILE_N; at += SUBGROUP * 4u) {
      let m = tile.first_m + down + i / ACROSS * TILE_M + at / TILE_N;
      let n4 = tile.first_n4 + (across + i % ACROSS * TILE_N + at % TILE_N) / 4u;
      let p = own + at;
      if (m < tile.size.x && n4 < tile.size.y) { put(m, n4, vec4f(sums[p], sums[p + 1u], sums[p + 2u], sums[p + 3u])); }
    }
    workgroupBarrier();
  }
}
