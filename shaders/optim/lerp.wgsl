// state ← state + t · (value − state)
// value, state: any one shape, as vec4   t [1]
// One invocation: one vec4.
// use lib/grid.wgsl

struct Params { vectors: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> value: array<vec4f>;
@group(0) @binding(2) var<storage, read> t: array<f32>;
@group(0) @binding(3) var<storage, read_write> state: array<vec4f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.vectors) { return; }
  // with t = 1 exactly the value, also of a state that is not finite
  if (t[0] == 1.0) { state[i] = value[i]; } else { state[i] = mix(state[i], value[i], vec4f(t[0])); }
}
