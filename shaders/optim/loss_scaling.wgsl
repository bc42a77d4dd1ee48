// state = [s, steps since s changed, steps skipped, 0] → that after this step, and the factor of its gradients:
// 1 ⁄ s, or 0 when one of them is not finite, s > 1: then s is halved; it is doubled, up to `most`, after `every` good steps.
// bad [parts]: how many are not finite   state [1] as vec4   factor [1]
// One workgroup; one invocation sums every 64th part, the first one does the rest.
// use lib/tree.wgsl

struct Params { parts: u32, every: f32, most: f32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> bad: array<f32>;
@group(0) @binding(2) var<storage, read_write> state: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> factor: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32) {
  var sum = 0.0;
  for (var part = lane; part < params.parts; part += 64u) { sum += bad[part]; }
  sum = sum_lanes(sum, lane, 1u);
  if (lane > 0u) { return; }
  let old = state[0];
  if (sum > 0.0 && old.x > 1.0) {
    state[0] = vec4f(max(old.x / 2.0, 1.0), 0.0, old.z + 1.0, old.w);
    factor[0] = 0.0;
  } else {
    let grows = old.y + 1.0 >= params.every;
    state[0] = vec4f(select(old.x, min(old.x * 2.0, params.most), grows), select(old.y + 1.0, 0.0, grows), old.z, old.w);
    factor[0] = 1.0 / old.x;
  }
}
