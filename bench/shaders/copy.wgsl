// y = x: the most bytes an adapter can move. x, y: any one shape, as vec4
// One invocation: EACH vec4s, 64 apart, so that neighbours read side by side.
// use lib/grid.wgsl

const EACH = 4u;

struct Params { vectors: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = workgroup_number(group, groups) * 64u * EACH + lane;
  for (var e = 0u; e < EACH; e++) {
    let i = first + e * 64u;
    if (i < params.vectors) { y[i] = x[i]; }
  }
}
