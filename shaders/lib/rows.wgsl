// Reading [rows, C] as whole vec4s whatever C is. A super-row is as many rows as make a multiple of 4 elements: `columns`
// vec4s, and the vec4s of one column hold the same channels in every super-row. `chunkRows` in src/kernels/norm/chunks.ts
// chooses them; an invocation walks down one column of one chunk of super-rows, neighbours in neighbouring columns.

// The channels of a column's four elements.
fn channels_of(column: u32, C: u32) -> vec4u {
  return (column * 4u + vec4u(0u, 1u, 2u, 3u)) % C;
}

// First and end of the super-rows of `chunk` that have a vec4 in this column, of a tensor of `vectors` vec4s.
fn super_rows(chunk: u32, rows_per_chunk: u32, column: u32, columns: u32, vectors: u32) -> vec2u {
  let height = (max(vectors, column) - column + columns - 1u) / columns;
  return min(vec2u(chunk, chunk + 1u) * rows_per_chunk, vec2u(height));
}

// Which elements of vec4 `at` belong to a tensor of `elems`; what lies behind them in the last one is not specified.
fn inside(at: u32, elems: u32) -> vec4<bool> {
  return at * 4u + vec4u(0u, 1u, 2u, 3u) < vec4u(elems);
}
