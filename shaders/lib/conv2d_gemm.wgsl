// A convolution as a matrix product: rows are pixels of y, terms the channels of each tap, columns output channels.
// y[n,oh,ow,yStart+k] = act(residual[n,oh,ow,k] + residualScale · (bias[k] +
//     Σ_{r,s,c} x[n, oh·strideH + r·dilationH − padTop, ow·strideW + s·dilationW − padLeft, c] · w[r,s,c,k]))
// for K, yStart and yChannels multiples of 4 and one group.
// x [N,H,W,C]   w [R,S,C,K] as vec4 over K   y [N,OH,OW,yChannels] as vec4
// bias [K] and residual [N,OH,OW,K] as vec4, see lib/epilogue
// With several splits of `termsPerSplit` terms y is [splits,N,OH,OW,K], plain sums that `sum_splits` adds up.
// use lib/conv_params.wgsl
// use lib/epilogue.wgsl

struct Params { conv: Conv, termsPerSplit: u32, @align(16) epilogue: Epilogue }

alias Value = vec4f;
alias Y = vec4f;
const VALUE_CHANNELS = 4u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read> residual: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> y: array<Y>;

// The first tap of a pixel: its image, and coordinates that wrap around to huge numbers before the image.
struct Row { image: u32, h: u32, v: u32 }
struct Term { h: u32, v: u32, c: u32 }

var<private> first_y: u32;

fn begin(split: u32) { first_y = split * sizes(split).x; }

fn sizes(split: u32) -> vec2u { return vec2u(params.conv.N * params.conv.OH * params.conv.OW, params.conv.K / 4u); }

fn terms(split: u32) -> vec2u {
  let first = split * params.termsPerSplit;
  return vec2u(first, min(first + params.termsPerSplit, params.conv.R * params.conv.S * params.conv.C));
}

fn row_of(m: u32) -> Row {
  let oh = m / params.conv.OW % params.conv.OH;
  return Row(
    m / (params.conv.OW * params.conv.OH) * params.conv.H,
    oh * params.conv.strideH - params.conv.padTop,
    m % params.conv.OW * params.conv.strideW - params.conv.padLeft,
  );
}

fn term_of(l: u32) -> Term {
  let tap = l / params.conv.C;
  return Term(
    tap / params.conv.S * params.conv.dilationH,
    tap % params.conv.S * params.conv.dilationW,
    l % params.conv.C,
  );
}

fn left(row: Row, term: Term) -> f32 {
  let h = row.h + term.h;
  let v = row.v + term.v;
  if (h >= params.conv.H || v >= params.conv.W) { return 0.0; }
  return f32(x[((row.image + h) * params.conv.W + v) * params.conv.C + term.c]);
}

fn right(l: u32, k4: u32) -> vec4f { return vec4f(w[l * (params.conv.K / 4u) + k4]); }

fn put(m: u32, k4: u32, sum: vec4f) { finish(sum, first_y + m, k4, params.conv.K / 4u); }
