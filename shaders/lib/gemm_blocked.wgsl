// The matrix product of a file that says what is multiplied: sum[m,n] = Σ_l left[m,l] · right[l,n], n in vec4s. That file has
//   fn begin(z: u32)                         first of all: which of several products, or which part of the sum
//   fn sizes(z: u32) -> vec2u                rows and vec4s of columns of the result
//   fn terms(z: u32) -> vec2u                the first term and the one behind the last
//   fn row_of(m: u32) -> Row, fn term_of(l: u32) -> Term, fn left(row: Row, term: Term) -> f32
//   fn right(l: u32, n4: u32) -> vec4f
//   fn put(m: u32, n4: u32, sum: vec4f)
// One workgroup: SIDE × SIDE lanes, a tile of SIDE·ROWS rows × SIDE·VEC vec4s. DEPTH terms at a time lie in workgroup memory,
// so that each operand is loaded once for the whole tile: by lanes side by side along the terms, or along the rows when
// TURNED is 1. One invocation: ROWS rows × VEC vec4s that stand SIDE apart, summed in registers.

const ROWS = 8u;
const VEC = 2u;
const TURNED = 0u;
const SIDE = 8u;
const DEPTH = 8u;
const LANES = SIDE * SIDE;
const HEIGHT = SIDE * ROWS;
const WIDTH = SIDE * VEC;
const LOADS = DEPTH * HEIGHT / LANES;
// one more than the rows: neighbours that write one below the other meet different banks
const PITCH = HEIGHT + 1u;

var<workgroup> rows: array<f32, DEPTH * PITCH>;
var<workgroup> columns: array<vec4f, DEPTH * WIDTH>;

fn product(group: vec3u, lane: vec2u) {
  let index = lane.y * SIDE + lane.x;
  begin(group.z);
  let size = sizes(group.z);
  let range = terms(group.z);
  let first_m = group.x * HEIGHT;
  let first_n4 = group.y * WIDTH;

  // what is known of a row is worked out once; rows, columns and terms beyond the last are loaded as it, and not written, or as 0
  var row: array<Row, LOADS>;
  for (var i = 0u; i < LOADS; i++) {
    let m = select(index / DEPTH + i * (LANES / DEPTH), index % HEIGHT, TURNED == 1u);
    row[i] = row_of(min(first_m + m, size.x - 1u));
  }

  var sum: array<vec4f, ROWS * VEC>;
  for (var first_l = range.x; first_l < range.y; first_l += DEPTH) {
    for (var i = 0u; i < LOADS; i++) {
      let m = select(index / DEPTH + i * (LANES / DEPTH), index % HEIGHT, TURNED == 1u);
      let term = select(index % DEPTH, index / HEIGHT + i * (LANES / HEIGHT), TURNED == 1u);
      let l = min(first_l + term, range.y - 1u);
      rows[term * PITCH + m] = left(row[i], term_of(l));
    }
    for (var i = index; i < DEPTH * WIDTH; i += LANES) {
      let l = min(first_l + i / WIDTH, range.y - 1u);
      columns[i] = right(l, min(first_n4 + i % WIDTH, size.y - 1u));
    }
    workgroupBarrier();
    // not a constant: some compilers would unroll the sum over the terms, too, and take seconds for it
    let end = min(DEPTH, range.y - first_l);
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
    let m = first_m + p * SIDE + lane.y;
    if (m >= size.x) { continue; }
    for (var v = 0u; v < VEC; v++) {
      let n4 = first_n4 + v * SIDE + lane.x;
      if (n4 < size.y) { put(m, n4, sum[p * VEC + v]); }
    }
  }
}
