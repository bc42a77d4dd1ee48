// A convolution as a matrix product: rows are pixels of y, terms the channels of each tap, columns output channels.
// y[n,oh,ow,yStart+k] = act(residual[n,oh,ow,k] + residualScale · (bias[k] +
//     Σ_{r,s,c} x[n, oh·strideH + r·dilationH − padTop, ow·strideW + s·dilationW − padLeft, c] · w[r,s,c,k]))
// for K, yStart and yChannels multiples of 4 and one group.
// x [N,H,W,C]   w [R,S,C,K] as vec4 over K   y [N,OH,OW,yChannels] as vec4
// bias [K] and residual [N,OH,OW,K] as vec4: any buffer when HAS_BIAS or HAS_RESIDUAL is 0; then they and the scale are
// left out
// With several splits of `termsPerSplit` terms y is [splits,N,OH,OW,K], plain sums that `sum_splits` adds up.
// use lib/activation.wgsl

override HAS_BIAS = 1u;
override HAS_RESIDUAL = 0u;

struct Params {
  N: u32, H: u32, W: u32, C: u32,
  OH: u32, OW: u32, K: u32,
  R: u32, S: u32,
  strideH: u32, strideW: u32, dilationH: u32, dilationW: u32, padTop: u32, padLeft: u32,
  termsPerSplit: u32,
  yStart: u32, yChannels: u32, residualScale: f32, low: f32, high: f32,
}

alias Y = vec4f;

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

fn sizes(split: u32) -> vec2u { return vec2u(params.N * params.OH * params.OW, params.K / 4u); }

fn terms(split: u32) -> vec2u {
  let first = split * params.termsPerSplit;
  return vec2u(first, min(first + params.termsPerSplit, params.R * params.S * params.C));
}

fn row_of(m: u32) -> Row {
  let oh = m / params.OW % params.OH;
  return Row(
    m / (params.OW * params.OH) * params.H,
    oh * params.strideH - params.padTop,
    m % params.OW * params.strideW - params.padLeft,
  );
}

fn term_of(l: u32) -> Term {
  let tap = l / params.C;
  return Term(tap / params.S * params.dilationH, tap % params.S * params.dilationW, l % params.C);
}

fn left(row: Row, term: Term) -> f32 {
  let h = row.h + term.h;
  let v = row.v + term.v;
  if (h >= params.H || v >= params.W) { return 0.0; }
  return f32(x[((row.image + h) * params.W + v) * params.C + term.c]);
}

fn right(l: u32, k4: u32) -> vec4f { return vec4f(w[l * (params.K / 4u) + k4]); }

fn put(m: u32, k4: u32, sum: vec4f) {
  var value = sum;
  if (HAS_BIAS == 1u) { value += vec4f(bias[k4]); }
  if (HAS_RESIDUAL == 1u) {
    value = vec4f(residual[m * (params.K / 4u) + k4]) + params.residualScale * value;
  }
  let at = ((first_y + m) * params.yChannels + params.yStart) / 4u + k4;
  y[at] = Y(activate(value, params.low, params.high));
}
