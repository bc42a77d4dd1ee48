// The gradient of a convolution to its input as a matrix product: rows are pixels of dx at one phase of the strides, terms the
// channels of the taps that reach them, columns input channels.
// dx[n,h,v,c] = Σ_{r,s,k} dy[n,oh,ow,k] · wt[r,s,k,c] over the (r,oh), (s,ow) with
//   oh·strideH + r·dilationH − padTop = h   and   ow·strideW + s·dilationW − padLeft = v
// for C a multiple of 4, one group, and strides or dilations of 1.
// dy [N,OH,OW,K]   wt [R,S,K,C] (the weight transposed) as vec4 over C   dx [N,H,W,C] as vec4
// z counts splits of each phase. With several splits dx is [splits,N,H,W,C], plain sums that `sum_splits` adds up.
// use lib/conv_params.wgsl

struct Params { conv: Conv, splits: u32 }

alias Y = vec4f;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> wt: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dx: array<Y>;

struct Row { image: u32, h: u32, v: u32 }
// How far a tap's output lies before that of the phase's first one, its place in the kernel, and the channel.
struct Term { h: u32, v: u32, tap: u32, k: u32 }

// Along one axis: a phase, the first tap that reaches it, the taps that do, and the output that the first one comes from.
struct Axis { phase: u32, tap: u32, taps: u32, first: u32 }

var<private> down: Axis;
var<private> across: Axis;
var<private> first_image: u32;

fn begin(z: u32) {
  let phase = z / params.splits;
  down = axis(phase / params.conv.strideW, params.conv.R, params.conv.strideH, params.conv.padTop);
  across = axis(phase % params.conv.strideW, params.conv.S, params.conv.strideW, params.conv.padLeft);
  first_image = z % params.splits * params.conv.N;
}

fn axis(phase: u32, size: u32, stride: u32, pad: u32) -> Axis {
  let tap = (phase + pad) % stride;
  return Axis(phase, tap, select(0u, (size + stride - 1u - tap) / stride, size > tap), (phase + pad) / stride);
}

fn phase_rows() -> u32 { return (params.conv.H + params.conv.strideH - 1u) / params.conv.strideH; }
fn phase_columns() -> u32 { return (params.conv.W + params.conv.strideW - 1u) / params.conv.strideW; }

fn sizes(z: u32) -> vec2u { return vec2u(params.conv.N * phase_rows() * phase_columns(), params.conv.C / 4u); }

fn terms(z: u32) -> vec2u {
  let phase = z / params.splits;
  let taps = axis(phase / params.conv.strideW, params.conv.R, params.conv.strideH, params.conv.padTop).taps *
    axis(phase % params.conv.strideW, params.conv.S, params.conv.strideW, params.conv.padLeft).taps;
  let each = (taps * params.conv.K + params.splits - 1u) / params.splits;
  let first = z % params.splits * each;
  return vec2u(first, min(first + each, taps * params.conv.K));
}

fn row_of(m: u32) -> Row {
  let row = m / phase_columns();
  return Row(row / phase_rows() * params.conv.OH, row % phase_rows() + down.first, m % phase_columns() + across.first);
}

fn term_of(l: u32) -> Term {
  let i = l / params.conv.K;
  let r = i / across.taps;
  let s = i % across.taps;
  // of stride and dilation one is 1
  let tap = (down.tap + r * params.conv.strideH) * params.conv.S + across.tap + s * params.conv.strideW;
  return Term(r * params.conv.dilationH, s * params.conv.dilationW, tap, l % params.conv.K);
}

fn left(row: Row, term: Term) -> f32 {
  // coordinates before the first output wrap around to huge numbers
  let oh = row.h - term.h;
  let ow = row.v - term.v;
  if (oh >= params.conv.OH || ow >= params.conv.OW) { return 0.0; }
  return f32(dy[((row.image + oh) * params.conv.OW + ow) * params.conv.K + term.k]);
}

fn right(l: u32, c4: u32) -> vec4f {
  let term = term_of(l);
  return wt[(term.tap * params.conv.K + term.k) * (params.conv.C / 4u) + c4];
}

fn put(m: u32, c4: u32, sum: vec4f) {
  let row = m / phase_columns();
  let h = row % phase_rows() * params.conv.strideH + down.phase;
  let v = m % phase_columns() * params.conv.strideW + across.phase;
  // not all phases have as many pixels as the first
  if (h >= params.conv.H || v >= params.conv.W) { return; }
  let image = first_image + row / phase_rows();
  dx[((image * params.conv.H + h) * params.conv.W + v) * (params.conv.C / 4u) + c4] = Y(sum);
}
