// ranges[i] = [first, end) of the outputs of a resize that take a part of element i: of row i of the image for i < H, of
// column i − H for the others. Outputs between them may take none, which costs time only.
// rows [OH]   columns [OW]   ranges [H + W]
// One invocation: one range.
// use lib/grid.wgsl
// use lib/resize.wgsl

struct Params { H: u32, W: u32, OH: u32, OW: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> rows: array<f32>;
@group(0) @binding(2) var<storage, read> columns: array<f32>;
@group(0) @binding(3) var<storage, read_write> ranges: array<vec2u>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.H + params.W) { return; }
  var first = 0u;
  var end = 0u;
  let outputs = select(params.OW, params.OH, i < params.H);
  for (var o = 0u; o < outputs; o++) {
    var share: f32;
    if (i < params.H) { share = share_of(i, rows[o], params.H); } else { share = share_of(i - params.H, columns[o], params.W); }
    if (share == 0.0) { continue; }
    if (end == 0u) { first = o; }
    end = o + 1u;
  }
  ranges[i] = vec2u(first, end);
}
