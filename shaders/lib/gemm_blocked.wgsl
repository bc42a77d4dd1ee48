// The matrix product of lib/gemm in registers.
// One workgroup: SIDE × SIDE lanes, a tile of SIDE·ROWS rows × SIDE·VEC vec4s. One invocation: ROWS rows × VEC vec4s that stand
// SIDE apart.
// use lib/gemm.wgsl

const ROWS = 8u;
const VEC = 2u;
const SIDE = 8u;
const DEPTH = 8u;
const LANES = SIDE * SIDE;
const HEIGHT = SIDE * ROWS;
const WIDTH = SIDE * VEC;
// one more than the rows: neighbours that write one below the other meet different banks
const PITCH = HEIGHT + 1u;

var<workgroup> rows: array<f32, DEPTH * PITCH>;
var<workgroup> columns: array<vec4f, DEPTH * WIDTH>;

fn keep_left(m: u32, term: u32, value: f32, isTerm: bool) { rows[term * PITCH + m] = value; }
fn keep_right(i: u32, value: vec4f) { columns[i] = value; }

fn product(group: vec3u, lane: vec2u) {
  let index = lane.y * SIDE + lane.x;
  let tile = tile_of(group);
  var loaded = loaded_rows(tile, index);

  var sum: array<vec4f, ROWS * VEC>;
  for (var first_l = tile.terms.x; first_l < tile.terms.y; first_l += DEPTH) {
    load(tile, first_l, index, &loaded);
    workgroupBarrier();
    // not a constant: some compilers would unroll the sum over the terms, too, and take seconds for it
    let end = min(DEPTH, tile.terms.y - first_l);
    for (var term = 0u; term < end; term++) {
      var column: array<vec4f, VEC>;
      for (var v = 0u; v < VEC; v++) { column[v] = columns[term * WIDTH + v * SIDE + lane.x]; }
      for (var p = 0u; p < ROWS; p++) {
        let value = rows[term * PITCH + p * SIDE + lane.y];
        for (var v = 0u; v < VEC; v++) { sum[p * VEC + v] += value * column[v]; }
      }
    }
    workgroupBarrier();
  }

  for (var p = 0u; p < ROWS; p++) {
    let m = tile.first_m + p * SIDE + lane.y;
    if (m >= tile.size.x) { continue; }
    for (var v = 0u; v < VEC; v++) {
      let n4 = tile.first_n4 + v * SIDE + lane.x;
      if (n4 < tile.size.y) { put(m, n4, sum[p * VEC + v]); }
    }
  }
}
