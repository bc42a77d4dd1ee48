// dx[n,h,v,c] = Σ over the windows (oh,ow) that see pixel (h,v), of
//   dy[n,oh,ow,c] if the pixel is the window's first, row by row, with x[n,h,v,c] = y[n,oh,ow,c], else 0;
//   with AVERAGE dy[n,oh,ow,c] ÷ the taps that the window's mean counts, with COUNT_PAD those on the padding too.
// Tap (r,s) of a window sees h = oh·strideH + r·dilationH − padTop and v = ow·strideW + s·dilationW − padLeft.
// dy, y [N,OH,OW,C]   x, dx [N,H,W,C]   as vec4; with AVERAGE x and y are not looked at
// VECTOR: C is a multiple of 4 and counted in vec4s, as all indices; else they count elements.
// One invocation: one vec4 of dx.
// use lib/grid.wgsl
// use lib/pool_params.wgsl
// use lib/units.wgsl

override AVERAGE = 0u;
override COUNT_PAD = 0u;

struct Params { pool: Pool, vectors: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read> y: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> dx: array<vec4f>;

fn load_dy(at: u32) -> vec4f { return unit_in(dy[vector_of(at)], at); }
fn load_x(at: u32) -> vec4f { return unit_in(x[vector_of(at)], at); }
fn load_y(at: u32) -> vec4f { return unit_in(y[vector_of(at)], at); }

// First and end of the windows that may see the padded coordinate `at`; those whose taps step over it are among them.
fn windows(at: u32, kernel: u32, stride: u32, dilation: u32, count: u32) -> vec2u {
  let reach = (kernel - 1u) * dilation;
  return vec2u((max(at, reach) - reach + stride - 1u) / stride, min(at / stride + 1u, count));
}

// Taps of a window starting at the padded coordinate `start` that lie in [low, high); some do.
fn taps(start: u32, kernel: u32, dilation: u32, low: u32, high: u32) -> u32 {
  return min((high - start + dilation - 1u) / dilation, kernel) - (max(low, start) - start + dilation - 1u) / dilation;
}

fn divisor(down: u32, across: u32) -> f32 {
  let low = select(vec2u(params.pool.padTop, params.pool.padLeft), vec2u(0u), COUNT_PAD == 1u);
  let image = vec2u(params.pool.padTop + params.pool.H, params.pool.padLeft + params.pool.W);
  let high = select(image, vec2u(params.pool.paddedH, params.pool.paddedW), COUNT_PAD == 1u);
  return f32(taps(down, params.pool.R, params.pool.dilationH, low.x, high.x) * taps(across, params.pool.S, params.pool.dilationW, low.y, high.y));
}

// Where one of the first `count` taps of the window at (down, across) sees the value.
fn earlier(value: vec4f, count: u32, down: u32, across: u32, image: u32, c: u32) -> vec4<bool> {
  var found = vec4<bool>(false);
  for (var tap = 0u; tap < count; tap++) {
    // coordinates before the image wrap around to huge numbers, so one comparison covers both sides
    let h = down + tap / params.pool.S * params.pool.dilationH - params.pool.padTop;
    let v = across + tap % params.pool.S * params.pool.dilationW - params.pool.padLeft;
    if (h >= params.pool.H || v >= params.pool.W) { continue; }
    found |= load_x(((image + h) * params.pool.W + v) * params.pool.C + c) == value;
  }
  return found;
}

fn gathered(at: u32) -> vec4f {
  let c = at % params.pool.C;
  let row = at / params.pool.C / params.pool.W;
  let image = row / params.pool.H;
  let h = row % params.pool.H + params.pool.padTop;
  let v = at / params.pool.C % params.pool.W + params.pool.padLeft;
  let vertical = windows(h, params.pool.R, params.pool.strideH, params.pool.dilationH, params.pool.OH);
  let horizontal = windows(v, params.pool.S, params.pool.strideW, params.pool.dilationW, params.pool.OW);
  var sum = vec4f(0.0);
  for (var oh = vertical.x; oh < vertical.y; oh++) {
    let down = oh * params.pool.strideH;
    if ((h - down) % params.pool.dilationH != 0u) { continue; }
    for (var ow = horizontal.x; ow < horizontal.y; ow++) {
      let across = ow * params.pool.strideW;
      if ((v - across) % params.pool.dilationW != 0u) { continue; }
      let window = ((image * params.pool.OH + oh) * params.pool.OW + ow) * params.pool.C + c;
      if (AVERAGE == 1u) {
        sum += load_dy(window) / divisor(down, across);
        continue;
      }
      let value = load_x(at);
      let largest = value == load_y(window);
      if (!any(largest)) { continue; }
      let tap = (h - down) / params.pool.dilationH * params.pool.S + (v - across) / params.pool.dilationW;
      let first = largest & !earlier(value, tap, down, across, image * params.pool.H, c);
      sum += select(vec4f(0.0), load_dy(window), first);
    }
  }
  return sum;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.vectors) { return; }
  if (VECTOR == 1u) {
    dx[i] = gathered(i);
  } else {
    let at = 4u * i;
    dx[i] = vec4f(gathered(at).x, gathered(at + 1u).x, gathered(at + 2u).x, gathered(at + 3u).x);
  }
}
