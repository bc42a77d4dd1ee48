// dx[n,h,w,c] = Σ_{a,b < factor} dy[n, h·factor + a, w·factor + b, c]
// dy [N,H·factor,W·factor,C]   dx [N,H,W,C]   as vec4
// VECTOR: channels are a multiple of 4, so a vec4 lies in one pixel and indices count vec4s; else they count elements.
// One invocation: one vec4 of dx.
// use lib/grid.wgsl

override VECTOR = 1u;

struct Params { vectors: u32, W: u32, channels: u32, factor: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dx: array<vec4f>;

// The upper left of the block of dy that belongs to element (or vec4) `at` of dx. Rows of all images count on.
fn first(at: u32) -> u32 {
  let c = at % params.channels;
  let pixel = at / params.channels;
  let row = pixel / params.W * params.factor;
  return (row * params.W + pixel % params.W) * params.factor * params.channels + c;
}

fn offset(a: u32, b: u32) -> u32 {
  return (a * params.W * params.factor + b) * params.channels;
}

fn element(at: u32) -> f32 {
  let corner = first(at);
  var sum = 0.0;
  for (var a = 0u; a < params.factor; a++) {
    for (var b = 0u; b < params.factor; b++) {
      let origin = corner + offset(a, b);
      sum += dy[origin / 4u][origin % 4u];
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
    let corner = first(i);
    var sum = vec4f(0.0);
    for (var a = 0u; a < params.factor; a++) {
      for (var b = 0u; b < params.factor; b++) { sum += dy[corner + offset(a, b)]; }
    }
    dx[i] = sum;
  } else {
    dx[i] = vec4f(element(4u * i), element(4u * i + 1u), element(4u * i + 2u), element(4u * i + 3u));
  }
}
