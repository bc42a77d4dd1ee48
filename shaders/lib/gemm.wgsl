// What the matrix products in blocks share: sum[m,n] = Σ_l left[m,l] · right[l,n], n in vec4s. Of both operands a tile of
// HEIGHT rows and of WIDTH vec4s lies in workgroup memory, DEPTH terms at a time, so that it is loaded once for all of the
// workgroup's LANES: by lanes side by side along the terms, or along the rows when TURNED is 1.
// The file that says what is multiplied has
//   fn begin(z: u32)                         first of all: which of several products, or which part of the sum
//   fn sizes(z: u32) -> vec2u                rows and vec4s of columns of the result
//   fn terms(z: u32) -> vec2u                the first term and the one behind the last
//   fn row_of(m: u32) -> Row, fn term_of(l: u32) -> Term, fn left(row: Row, term: Term) -> f32
//   fn right(l: u32, n4: u32) -> vec4f
//   fn put(m: u32, n4: u32, sum: vec4f)
// and the file that sums the products, gemm_blocked or gemm_matrix, the constants HEIGHT, WIDTH, DEPTH and LANES, and
//   fn keep_left(m: u32, term: u32, value: f32, isTerm: bool)    where a row's value is kept; isTerm: not beyond the last
//   fn keep_right(i: u32, value: vec4f)                          the same for vec4 i % WIDTH of term i / WIDTH

const TURNED = 0u;
const LOADS = DEPTH * HEIGHT / LANES;

struct Tile { first_m: u32, first_n4: u32, size: vec2u, terms: vec2u }

fn tile_of(group: vec3u) -> Tile {
  begin(group.z);
  return Tile(group.x * HEIGHT, group.y * WIDTH, sizes(group.z), terms(group.z));
}

// Row and term, counted in the tile, of the i-th value that lane `index` loads.
fn loaded_row(index: u32, i: u32) -> u32 {
  return select(index / DEPTH + i * (LANES / DEPTH), index % HEIGHT, TURNED == 1u);
}
fn loaded_term(index: u32, i: u32) -> u32 {
  return select(index % DEPTH, index / HEIGHT + i * (LANES / HEIGHT), TURNED == 1u);
}

// What is known of a row is worked out once. Rows, columns and terms beyond the last are loaded as the last.
fn loaded_rows(tile: Tile, index: u32) -> array<Row, LOADS> {
  var rows: array<Row, LOADS>;
  for (var i = 0u; i < LOADS; i++) { rows[i] = row_of(min(tile.first_m + loaded_row(index, i), tile.size.x - 1u)); }
  return rows;
}

// Loads this lane's share of the terms from `first` on.
fn load(tile: Tile, first: u32, index: u32, rows: ptr<function, array<Row, LOADS>>) {
  let last = tile.terms.y - 1u;
  for (var i = 0u; i < LOADS; i++) {
    let term = loaded_term(index, i);
    let value = left((*rows)[i], term_of(min(first + term, last)));
    keep_left(loaded_row(index, i), term, value, first + term <= last);
  }
  for (var i = index; i < DEPTH * WIDTH; i += LANES) {
    keep_right(i, right(min(first + i / WIDTH, last), min(tile.first_n4 + i % WIDTH, tile.size.y - 1u)));
  }
}
