// y = sRGB of (L, a, b), level / 127.5 - 1; channels outside of sRGB are cut off
// L [pixels], L* / 50 - 1   ab [pixels, 2]   y [pixels, 3]
// One invocation: one pixel.
// use lib/grid.wgsl
// use lib/lab.wgsl

struct Params { pixels: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> L: array<f32>;
@group(0) @binding(2) var<storage, read> ab: array<vec2f>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.pixels) { return; }
  let light = clamp(linear_of(roots_of(L[i], ab[i])), vec3f(0.0), vec3f(1.0));
  let curved = 1.055 * pow(max(light, vec3f(LINEAR_BELOW)), vec3f(1.0 / 2.4)) - 0.055;
  let value = 2.0 * select(curved, 12.92 * light, light <= vec3f(LINEAR_BELOW)) - 1.0;
  y[3u * i] = value.r;
  y[3u * i + 1u] = value.g;
  y[3u * i + 2u] = value.b;
}
