// y[p,q] = (1 − |a_p − a_q| / step)⁺ (1 − |b_p − b_q| / step)⁺
// ab [pixels, 2]   centres [bins, 2]   y [pixels, bins]
// One invocation: one element of y.
// use lib/grid.wgsl

struct Params { elems: u32, bins: u32, step: f32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> ab: array<vec2f>;
@group(0) @binding(2) var<storage, read> centres: array<vec2f>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.elems) { return; }
  let distance = abs(ab[i / params.bins] - centres[i % params.bins]);
  let near = max(vec2f(0.0), 1.0 - distance / params.step);
  y[i] = near.x * near.y;
}
