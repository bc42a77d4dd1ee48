// dab = the gradient of lab_to_srgb.wgsl by a and b; channels that were cut off give none
// dy [pixels, 3]   L [pixels], L* / 50 - 1   ab, dab [pixels, 2]
// One invocation: one pixel.
// use lib/grid.wgsl
// use lib/lab.wgsl

struct Params { pixels: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> L: array<f32>;
@group(0) @binding(3) var<storage, read> ab: array<vec2f>;
@group(0) @binding(4) var<storage, read_write> dab: array<vec2f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.pixels) { return; }
  let roots = roots_of(L[i], ab[i]);
  let light = linear_of(roots);
  let curved = 1.055 / 2.4 * pow(max(light, vec3f(LINEAR_BELOW)), vec3f(1.0 / 2.4 - 1.0));
  let slope = 2.0 * select(curved, vec3f(12.92), light <= vec3f(LINEAR_BELOW));
  let inside = (light > vec3f(0.0)) & (light < vec3f(1.0));
  let dlight = select(vec3f(0.0), slope * vec3f(dy[3u * i], dy[3u * i + 1u], dy[3u * i + 2u]), inside);
  let dxyz = dlight * FROM_XYZ;
  let droots = dxyz * select(vec3f(116.0 / KAPPA), 3.0 * roots * roots, roots > vec3f(ROOT_FROM));
  dab[i] = vec2f(droots.x / 500.0, -droots.z / 200.0);
}
