// p = r / diagonal + factor · p; 0 for fixed pixels, whose diagonal is not above 0
// r, p [pixels, 2]   diagonal [pixels]   factor [2]
// One invocation: one pixel.
// use lib/grid.wgsl

struct Params { pixels: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> r: array<vec2f>;
@group(0) @binding(2) var<storage, read> diagonal: array<f32>;
@group(0) @binding(3) var<storage, read> factor: array<vec2f>;
@group(0) @binding(4) var<storage, read_write> p: array<vec2f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.pixels) { return; }
  let d = diagonal[i];
  if (d > 0.0) { p[i] = r[i] / d + factor[0] * p[i]; } else { p[i] = vec2f(0.0); }
}
