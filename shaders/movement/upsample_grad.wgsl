// dx[n,h,w,c] = Σ_{a,b < factor} dy[n, h·factor + a, w·factor + b, c]
// dy [N,H·factor,W·factor,C]   dx [N,H,W,C]   as vec4
// VECTOR: channels are a multiple of 4, so a vec4 lies in one pixel and indices count vec4s; else they count elements.
// One invocation: one vec4 of dx.
// use lib/grid.wgsl
// use lib/block.wgsl

override VECTOR = 1u;

struct Params { vectors: u32, W: u32, channels: u32, factor: u32 }

alias Y = vec4f;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dx: array<Y>;

// Element `at` of dx.
fn element(at: u32) -> f32 {
  let corner = block_corner(at, params.W, params.channels, params.factor);
  var sum = 0.0;
  for (var a = 0u; a < params.factor; a++) {
    for (var b = 0u; b < params.factor; b++) {
      let origin = corner + block_offset(a, b, params.W, params.channels, params.factor);
      sum += f32(dy[origin / 4u][origin % 4u]);
    }
  }
  return sum;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.vectors) { return; }
  if (VECTOR == 1u) {
    let corner = block_corner(i, params.W, params.channels, params.factor);
    var sum = vec4f(0.0);
    for (var a = 0u; a < params.factor; a++) {
      for (var b = 0u; b < params.factor; b++) {
        sum += vec4f(dy[corner + block_offset(a, b, params.W, params.channels, params.factor)]);
      }
    }
    dx[i] = Y(sum);
  } else {
    dx[i] = Y(vec4f(element(4u * i), element(4u * i + 1u), element(4u * i + 2u), element(4u * i + 3u)));
  }
}
