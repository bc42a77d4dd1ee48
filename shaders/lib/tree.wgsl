// sum_lanes: the sum of `value` over all of the 64 invocations whose lane is the same modulo `width` (a power of 2), added as a
// tree, so that the bits don't vary from run to run. All invocations must come here.
var<workgroup> tree: array<f32, 64>;

fn sum_lanes(value: f32, lane: u32, width: u32) -> f32 {
  workgroupBarrier();
  tree[lane] = value;
  for (var half = 32u; half >= width; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { tree[lane] += tree[lane + half]; }
  }
  workgroupBarrier();
  return tree[lane % width];
}

// The largest instead of the sum.
fn max_lanes(value: f32, lane: u32, width: u32) -> f32 {
  workgroupBarrier();
  tree[lane] = value;
  for (var half = 32u; half >= width; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { tree[lane] = max(tree[lane], tree[lane + half]); }
  }
  workgroupBarrier();
  return tree[lane % width];
}
