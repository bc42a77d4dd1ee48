// y[b,m,n] = Σ_l a[b,m,l] · w[b,l,n] for N a multiple of 4
// a [B,M,L], or [B,L,M] when TURNED is 1   w [B,L,N] as vec4 over N   y [B,M,N] as vec4
// One workgroup: SIDE × SIDE lanes, a tile of SIDE·ROWS rows × SIDE·VEC vec4s of one y. DEPTH terms of the sum at a time lie in
// workgroup memory, so that each operand is loaded once for the whole tile.
// One invocation: ROWS rows × VEC vec4s that stand SIDE apart, summed in registers.

const ROWS = 8u;
const VEC = 2u;
const SIDE = 8u;
const DEPTH = 8u;
const HEIGHT = SIDE * ROWS;
const WIDTH = SIDE * VEC;
// one more than the rows: neighbours that write one below the other meet different banks
const PITCH = HEIGHT + 1u;
override TURNED = 0u;

struct Params { M: u32, L: u32, N: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;

var<workgroup> rows: array<f32, DEPTH * PITCH>;
var<workgroup> columns: array<vec4f, DEPTH * WIDTH>;

@compute @workgroup_size(SIDE, SIDE)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_id) lane: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let N4 = params.N / 4u;
  let first_m = group.x * HEIGHT;
  let first_n4 = group.y * WIDTH;

  var sum: array<vec4f, ROWS * VEC>;
  for (var first_l = 0u; first_l < params.L; first_l += DEPTH) {
    // not a constant: some compilers would unroll the sum over the terms, too, and take seconds for it
    let terms = min(DEPTH, params.L - first_l);
    // neighbouring lanes load neighbouring elements; what lies beyond the last one is not summed or not written
    for (var i = index; i < DEPTH * HEIGHT; i += SIDE * SIDE) {
      let row = select(i / DEPTH, i % HEIGHT, TURNED == 1u);
      let term = select(i % DEPTH, i / HEIGHT, TURNED == 1u);
      let m = min(first_m + row, params.M - 1u);
      let l = min(first_l + term, params.L - 1u);
      let at = group.z * params.M * params.L + select(m * params.L + l, l * params.M + m, TURNED == 1u);
      rows[term * PITCH + row] = a[at];
    }
    for (var i = index; i < DEPTH * WIDTH; i += SIDE * SIDE) {
      let l = min(first_l + i / WIDTH, params.L - 1u);
      let n4 = min(first_n4 + i % WIDTH, N4 - 1u);
      columns[i] = w[(group.z * params.L + l) * N4 + n4];
    }
    workgroupBarrier();
    for (var term = 0u; term < terms; term++) {
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
    if (m >= params.M) { continue; }
    for (var v = 0u; v < VEC; v++) {
      let n4 = first_n4 + v * SIDE + lane.x;
      if (n4 < N4) { y[(group.z * params.M + m) * N4 + n4] = sum[p * VEC + v]; }
    }
  }
}
