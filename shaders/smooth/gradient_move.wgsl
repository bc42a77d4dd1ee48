// x += factor · p   r −= factor · Ap   partial[g] = Σ r · r / diagonal over the pixels of workgroup g, for a and b apart
// Pixels whose diagonal is not above 0 are fixed: they add nothing to the sum.
// p, Ap, x, r [pixels, 2]   diagonal [pixels]   factor [2]   partial [workgroups, 2]
// One workgroup: 64 lanes × PIXELS pixels, added in a fixed order.
// use lib/grid.wgsl
// use lib/tree.wgsl

const PIXELS = 16u;

struct Params { pixels: u32, parts: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> x: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> r: array<vec2f>;
@group(0) @binding(3) var<storage, read> p: array<vec2f>;
@group(0) @binding(4) var<storage, read> Ap: array<vec2f>;
@group(0) @binding(5) var<storage, read> diagonal: array<f32>;
@group(0) @binding(6) var<storage, read> factor: array<vec2f>;
@group(0) @binding(7) var<storage, read_write> partial: array<vec2f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let part = workgroup_number(group, groups);
  if (part >= params.parts) { return; }
  var sum = vec2f(0.0);
  for (var k = 0u; k < PIXELS; k++) {
    let i = (part * PIXELS + k) * 64u + lane;
    if (i >= params.pixels) { continue; }
    x[i] += factor[0] * p[i];
    let rest = r[i] - factor[0] * Ap[i];
    r[i] = rest;
    if (diagonal[i] > 0.0) { sum += rest * rest / diagonal[i]; }
  }
  let a = sum_lanes(sum.x, lane, 1u);
  let b = sum_lanes(sum.y, lane, 1u);
  if (lane == 0u) { partial[part] = vec2f(a, b); }
}
