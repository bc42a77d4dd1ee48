// loss = Σ losses / pixels
// losses [pixels]   loss [1]
// One workgroup in all. One invocation: every 64th of the losses.
// use lib/tree.wgsl

struct Params { pixels: u32, bins: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> losses: array<f32>;
@group(0) @binding(2) var<storage, read_write> loss: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32) {
  var sum = 0.0;
  for (var i = lane; i < params.pixels; i += 64u) { sum += losses[i]; }
  let total = sum_lanes(sum, lane, 1u);
  if (lane == 0u) { loss[0] = total / f32(params.pixels); }
}
