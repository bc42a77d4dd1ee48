// y[b,m,n] = Σ_l a[b,m,l] · w[b,l,n] for N a multiple of 4
// a [B,M,L], or [B,L,M] when TURNED is 1   w [B,L,N] as vec4 over N   y [B,M,N] as vec4
// With several splits of `termsPerSplit` terms y is [splits,B,M,N], to be added up.
// One workgroup: a block of one y, see lib/gemm_blocked.
// use lib/gemm_blocked.wgsl

struct Params { batches: u32, M: u32, L: u32, N: u32, termsPerSplit: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;

alias Row = u32;
alias Term = u32;

var<private> batch: u32;
var<private> first_y: u32;

fn begin(z: u32) {
  batch = z % params.batches;
  first_y = z * params.M;
}

fn sizes(z: u32) -> vec2u { return vec2u(params.M, params.N / 4u); }

fn terms(z: u32) -> vec2u {
  let first = z / params.batches * params.termsPerSplit;
  return vec2u(first, min(first + params.termsPerSplit, params.L));
}

fn row_of(m: u32) -> Row { return batch * params.M * params.L + select(m * params.L, m, TURNED == 1u); }
fn term_of(l: u32) -> Term { return select(l, l * params.M, TURNED == 1u); }
fn left(row: Row, term: Term) -> f32 { return a[row + term]; }
fn right(l: u32, n4: u32) -> vec4f { return w[(batch * params.L + l) * (params.N / 4u) + n4]; }
fn put(m: u32, n4: u32, sum: vec4f) { y[(first_y + m) * (params.N / 4u) + n4] = sum; }

@compute @workgroup_size(SIDE, SIDE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) lane: vec3u) {
  product(group, lane.xy);
}
