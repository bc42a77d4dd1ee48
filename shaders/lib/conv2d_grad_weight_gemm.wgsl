// The gradient of a convolution to its weight as a matrix product: rows are input channels of each tap, terms output pixels,
// columns output channels.
// dw[r,s,c,k] = Σ_{n,oh,ow} x[n, oh·strideH + r·dilationH − padTop, ow·strideW + s·dilationW − padLeft, c] · dy[n,oh,ow,k]
// for K a multiple of 4 and one group.
// x [N,H,W,C]   dy [N,OH,OW,K] as vec4 over K   dw [R,S,C,K] as vec4
// With several splits of `termsPerSplit` terms dw is [splits,R,S,C,K], to be added up.
// use lib/conv_params.wgsl

struct Params { conv: Conv, termsPerSplit: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dw: array<vec4f>;

// A tap's place in the kernel, moved by the padding: coordinates before the image wrap around to huge numbers.
struct Row { h: u32, v: u32, c: u32 }
struct Term { image: u32, h: u32, v: u32 }

var<private> first_dw: u32;

fn begin(split: u32) { first_dw = split * sizes(split).x; }

fn sizes(split: u32) -> vec2u { return vec2u(params.conv.R * params.conv.S * params.conv.C, params.conv.K / 4u); }

fn terms(split: u32) -> vec2u {
  let first = split * params.termsPerSplit;
  return vec2u(first, min(first + params.termsPerSplit, params.conv.N * params.conv.OH * params.conv.OW));
}

fn row_of(m: u32) -> Row {
  let tap = m / params.conv.C;
  return Row(
    tap / params.conv.S * params.conv.dilationH - params.conv.padTop,
    tap % params.conv.S * params.conv.dilationW - params.conv.padLeft,
    m % params.conv.C,
  );
}

fn term_of(l: u32) -> Term {
  let row = l / params.conv.OW;
  return Term(
    row / params.conv.OH * params.conv.H,
    row % params.conv.OH * params.conv.strideH,
    l % params.conv.OW * params.conv.strideW,
  );
}

fn left(row: Row, term: Term) -> f32 {
  let h = row.h + term.h;
  let v = row.v + term.v;
  if (h >= params.conv.H || v >= params.conv.W) { return 0.0; }
  return f32(x[((term.image + h) * params.conv.W + v) * params.conv.C + row.c]);
}

fn right(l: u32, k4: u32) -> vec4f { return vec4f(dy[l * (params.conv.K / 4u) + k4]); }

fn put(m: u32, k4: u32, sum: vec4f) { dw[(first_dw + m) * (params.conv.K / 4u) + k4] = sum; }
