// The gradient of a convolution to its weight as a matrix product: rows are input channels of each tap, terms output pixels,
// columns output channels.
// dw[r,s,c,k] = Σ_{n,oh,ow} x[n, oh·strideH + r·dilationH − padTop, ow·strideW + s·dilationW − padLeft, c] · dy[n,oh,ow,k]
// for K a multiple of 4 and one group.
// x [N,H,W,C]   dy [N,OH,OW,K] as vec4 over K   dw [R,S,C,K] as vec4
// With several splits of `termsPerSplit` terms dw is [splits,R,S,C,K], to be added up.

struct Params {
  N: u32, H: u32, W: u32, C: u32,
  OH: u32, OW: u32, K: u32,
  R: u32, S: u32,
  strideH: u32, strideW: u32, dilationH: u32, dilationW: u32, padTop: u32, padLeft: u32,
  termsPerSplit: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dw: array<vec4f>;

// A tap's place in the kernel, moved by the padding: coordinates before the image wrap around to huge numbers.
struct Row { h: u32, v: u32, c: u32 }
struct Term { image: u32, h: u32, v: u32 }

var<private> first_dw: u32;

fn begin(split: u32) { first_dw = split * sizes(split).x; }

fn sizes(split: u32) -> vec2u { return vec2u(params.R * params.S * params.C, params.K / 4u); }

fn terms(split: u32) -> vec2u {
  let first = split * params.termsPerSplit;
  return vec2u(first, min(first + params.termsPerSplit, params.N * params.OH * params.OW));
}

fn row_of(m: u32) -> Row {
  let tap = m / params.C;
  return Row(
    tap / params.S * params.dilationH - params.padTop,
    tap % params.S * params.dilationW - params.padLeft,
    m % params.C,
  );
}

fn term_of(l: u32) -> Term {
  let row = l / params.OW;
  return Term(row / params.OH * params.H, row % params.OH * params.strideH, l % params.OW * params.strideW);
}

fn left(row: Row, term: Term) -> f32 {
  let h = row.h + term.h;
  let v = row.v + term.v;
  if (h >= params.H || v >= params.W) { return 0.0; }
  return f32(x[((term.image + h) * params.W + v) * params.C + row.c]);
}

fn right(l: u32, k4: u32) -> vec4f { return vec4f(dy[l * (params.K / 4u) + k4]); }

fn put(m: u32, k4: u32, sum: vec4f) { dw[(first_dw + m) * (params.K / 4u) + k4] = sum; }
