// total = Σ partial, for a and b apart, and from it the factor of a step:
//   DIRECTION 0: factor = rz / total, how far the step goes;   1: factor = total / rz, what stays of the direction, and rz = total
// A factor whose divisor is not above 0 is 0: before the first step, and when the solution is exact.
// partial [parts, 2]   rz [2]   factor [2]
// One workgroup in all.
// use lib/tree.wgsl

override DIRECTION = 0u;

struct Params { parts: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partial: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> rz: array<vec2f>;
@group(0) @binding(3) var<storage, read_write> factor: array<vec2f>;

fn ratio(x: vec2f, y: vec2f) -> vec2f {
  let positive = y > vec2f(0.0);
  return select(vec2f(0.0), x / select(vec2f(1.0), y, positive), positive);
}

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32) {
  var sum = vec2f(0.0);
  for (var i = lane; i < params.parts; i += 64u) { sum += partial[i]; }
  let total = vec2f(sum_lanes(sum.x, lane, 1u), sum_lanes(sum.y, lane, 1u));
  if (lane != 0u) { return; }
  if (DIRECTION == 0u) {
    factor[0] = ratio(rz[0], total);
  } else {
    factor[0] = ratio(total, rz[0]);
    rz[0] = total;
  }
}
