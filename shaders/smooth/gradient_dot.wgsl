// partial[g] = Σ p · Ap over the pixels of workgroup g, for a and b apart
// p, Ap [pixels, 2]   partial [workgroups, 2]
// One workgroup: 64 lanes × PIXELS pixels, added in a fixed order.
// use lib/grid.wgsl
// use lib/tree.wgsl

const PIXELS = 16u;

struct Params { pixels: u32, parts: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> p: array<vec2f>;
@group(0) @binding(2) var<storage, read> Ap: array<vec2f>;
@group(0) @binding(3) var<storage, read_write> partial: array<vec2f>;

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
    if (i < params.pixels) { sum += p[i] * Ap[i]; }
  }
  let a = sum_lanes(sum.x, lane, 1u);
  let b = sum_lanes(sum.y, lane, 1u);
  if (lane == 0u) { partial[part] = vec2f(a, b); }
}
