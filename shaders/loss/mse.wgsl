// loss = Σ sums / elems
// sums [partials] as vec4   loss [1]
// One workgroup in all. One invocation: every 64th vec4 of sums.
// use lib/tree.wgsl

struct Params { partials: u32, elems: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> sums: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> loss: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32) {
  var sum = vec4f(0.0);
  for (var i = lane; i < params.partials; i += 64u) { sum += sums[i]; }
  let total = sum_lanes(dot(sum, vec4f(1.0)), lane, 1u);
  if (lane == 0u) { loss[0] = total / f32(params.elems); }
}
