// y = x with elements put before and behind it along each axis (or taken away, where `before` or its like is negative)
// x, y   size0…5: shape of y, x0…5: shape of x, before0…5: first index of x in y; unused axes, the first ones, have size 1
// MODE 0: all of them are `value`. 1: the nearest element of x. 2: x mirrored at its first and last. 3: x over again.
// One invocation: one element of y.
// use lib/grid.wgsl

override MODE = 0u;
const AXES = 6u;

struct Params {
  elems: u32,
  size0: u32, size1: u32, size2: u32, size3: u32, size4: u32, size5: u32,
  x0: i32, x1: i32, x2: i32, x3: i32, x4: i32, x5: i32,
  before0: i32, before1: i32, before2: i32, before3: i32, before4: i32, before5: i32,
  value: f32,
}

alias Y = f32;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<Y>;

// The index of x that stands at index i of an axis of length `size`; negative where there is none.
fn source(i: i32, size: i32) -> i32 {
  if (MODE == 0u) { return select(-1, i, i < size); }
  if (MODE == 1u) { return clamp(i, 0, size - 1); }
  let period = select(size, max(2 * (size - 1), 1), MODE == 2u);
  let phase = (i % period + period) % period;
  return select(phase, min(phase, period - phase), MODE == 2u);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = workgroup_number(group, groups) * 64u + lane;
  if (at >= params.elems) { return; }
  let size = array<u32, 6>(params.size0, params.size1, params.size2, params.size3, params.size4, params.size5);
  let length = array<i32, 6>(params.x0, params.x1, params.x2, params.x3, params.x4, params.x5);
  let before = array<i32, 6>(params.before0, params.before1, params.before2, params.before3, params.before4, params.before5);
  var rest = at;
  var origin = 0;
  var stride = 1;
  var inside = true;
  for (var axis = 5u; axis + AXES > 5u; axis--) {
    let i = source(i32(rest % size[axis]) - before[axis], length[axis]);
    inside = inside && i >= 0;
    origin += i * stride;
    stride *= length[axis];
    rest /= size[axis];
  }
  y[at] = Y(select(params.value, f32(x[select(0, origin, inside)]), inside));
}
