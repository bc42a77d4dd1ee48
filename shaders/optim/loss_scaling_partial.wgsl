// bad[i] = how many of the gradients in the part i are infinite or no number
// Told by their bits, since WGSL leaves open what comparisons make of such values.
// g: all gradients in blocks of 64, as the bits of vec4s   used [blocks]: how many of a block's elements count   bad [parts]
// One workgroup: a part of 64 blocks, four at a time. One invocation: one vec4 of each fourth block.
// use lib/grid.wgsl
// use lib/tree.wgsl

struct Params { blocks: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> g: array<vec4u>;
@group(0) @binding(2) var<storage, read> used: array<f32>;
@group(0) @binding(3) var<storage, read_write> bad: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let part = workgroup_number(group, groups);
  let vector = lane % 16u;
  let element = vec4f(vec4u(0u, 1u, 2u, 3u) + 4u * vector);
  let end = min(part * 64u + 64u, params.blocks);
  var count = 0.0;
  for (var block = part * 64u + lane / 16u; block < end; block += 4u) {
    let isBad = (g[block * 16u + vector] & vec4u(0x7f800000u)) == vec4u(0x7f800000u);
    let ones = select(vec4f(0.0), vec4f(1.0), isBad & (element < vec4f(used[block])));
    count += dot(ones, vec4f(1.0));
  }
  count = sum_lanes(count, lane, 1u);
  if (lane == 0u && part * 64u < params.blocks) { bad[part] = count; }
}
