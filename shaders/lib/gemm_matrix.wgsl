// The matrix product of a file that says what is multiplied, with the functions that lib/gemm_blocked lists, by the subgroups'
// matrices (tensor cores): both operands are rounded to float16, the sums are float32.
// One workgroup: LANES lanes in subgroups of SUBGROUP, a tile of HEIGHT rows × WIDTH vec4s. DEPTH terms at a time lie in
// workgroup memory; beyond the last term the rows are 0. One subgroup: DOWN × ACROSS matrices of TILE_M × TILE_N sums; the
// subgroups of a workgroup stand in SUBGROUPS_Y rows.

enable f16;
enable subgroups;
enable chromium_experimental_subgroup_matrix;

const TILE_M = 16u;
const TILE_N = 16u;
const TILE_K = 16u;
const SUBGROUP = 32u;
const SUBGROUPS_Y = 2u;
const TURNED = 0u;
const LANES = 128u;
const HEIGHT = 64u;
const WIDTH = 16u;
const DEPTH = 32u;
const SUBGROUPS = LANES / SUBGROUP;
const SUBGROUPS_X = SUBGROUPS / SUBGROUPS_Y;
const DOWN = HEIGHT / TILE_M / SUBGROUPS_Y;
const ACROSS = WIDTH * 4u / TILE_N / SUBGROUPS_X;
const LOADS = DEPTH * HEIGHT / LANES;
// some more than the terms and columns: rows begin in different banks, at multiples of 16 bytes
const ROW_PITCH = DEPTH + 8u;
const COLUMN_PITCH = WIDTH * 4u + 8u;

alias Left = subgroup_matrix_left<f16, TILE_K, TILE_M>;
alias Right = subgroup_matrix_right<f16, TILE_N, TILE_K>;
alias Sum = subgroup_matrix_result<f32, TILE_N, TILE_M>;

var<workgroup> rows: array<f16, HEIGHT * ROW_PITCH>;
var<workgroup> columns: array<f16, DEPTH * COLUMN_PITCH>;
var<workgroup> sums: array<f32, SUBGROUPS * TILE_M * TILE_N>;

fn product(group: vec3u, index: u32, subgroup: u32, lane: u32) {
  begin(group.z);
  let size = sizes(group.z);
  let range = terms(group.z);
  let first_m = group.x * HEIGHT;
  let first_n4 = group.y * WIDTH;
  let down = subgroup / SUBGROUPS_X * DOWN * TILE_M;
  let across = subgroup % SUBGROUPS_X * ACROSS * TILE_N;

  var row: array<Row, LOADS>;
  for (var i = 0u; i < LOADS; i++) {
    let m = select(index / DEPTH + i * (LANES / DEPTH), index % HEIGHT, TURNED == 1u);
    row[i] = row_of(min(first_m + m, size.x - 1u));
  }

  var sum: array<Sum, DOWN * ACROSS>;
  for (var first_l = range.x; first_l < range.y; first_l += DEPTH) {
    for (var i = 0u; i < LOADS; i++) {
      let m = select(index / DEPTH + i * (LANES / DEPTH), index % HEIGHT, TURNED == 1u);
      let term = select(index % DEPTH, index / HEIGHT + i * (LANES / HEIGHT), TURNED == 1u);
      let l = first_l + term;
      rows[m * ROW_PITCH + term] = select(0.0h, f16(left(row[i], term_of(min(l, range.y - 1u)))), l < range.y);
    }
    for (var i = index; i < DEPTH * WIDTH; i += LANES) {
      let l = first_l + i / WIDTH;
      let column = vec4h(right(min(l, range.y - 1u), min(first_n4 + i % WIDTH, size.y - 1u)));
      let at = i / WIDTH * COLUMN_PITCH + i % WIDTH * 4u;
      for (var k = 0u; k < 4u; k++) { columns[at + k] = column[k]; }
    }
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
      let m = first_m + down + i / ACROSS * TILE_M + at / TILE_N;
      let n4 = first_n4 + (across + i % ACROSS * TILE_N + at % TILE_N) / 4u;
      let p = own + at;
      if (m < size.x && n4 < size.y) { put(m, n4, vec4f(sums[p], sums[p + 1u], sums[p + 2u], sums[p + 3u])); }
    }
    workgroupBarrier();
  }
}
