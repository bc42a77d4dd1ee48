// wide[c, (r,s,k)] = w[r,s,c,k], and zeros up to `columns`: the weight of a 1×1 convolution that computes what each tap adds
// w [R,S,C,K] with `taps` = R·S   wide [C,columns]
// One invocation: one element of wide.
// use lib/grid.wgsl

struct Params { taps: u32, C: u32, K: u32, columns: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read_write> wide: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = workgroup_number(group, groups) * 64u + lane;
  if (at >= params.C * params.columns) { return; }
  let column = at % params.columns;
  let tap = min(column / params.K, params.taps - 1u);
  let value = f32(w[(tap * params.C + at / params.columns) * params.K + column % params.K]);
  wide[at] = select(0.0, value, column < params.taps * params.K);
}
