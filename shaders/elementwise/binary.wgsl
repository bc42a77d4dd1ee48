// y = a ∘ b with numpy's broadcasting; OPERATION 0 is +, 1 −, 2 ·, 3 ÷
// a, b, y as vec4   size0…5: shape of y, a0…5 and b0…5: strides of a and b in elements, 0 along axes that they repeat
// VECTOR: y's last axis is a multiple of 4, or its only one, so that a vec4 of y is one of a, or one element four times.
// One invocation: one vec4 of y.
// use lib/grid.wgsl
// use lib/strided.wgsl

override OPERATION = 0u;
override VECTOR = 1u;

struct Params {
  vectors: u32,
  size0: u32, size1: u32, size2: u32, size3: u32, size4: u32, size5: u32,
  a0: u32, a1: u32, a2: u32, a3: u32, a4: u32, a5: u32,
  b0: u32, b1: u32, b2: u32, b3: u32, b4: u32, b5: u32,
}

alias Y = vec4f;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4f>;
@group(0) @binding(2) var<storage, read> b: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<Y>;

fn apply(left: vec4f, right: vec4f) -> vec4f {
  if (OPERATION == 0u) { return left + right; }
  if (OPERATION == 1u) { return left - right; }
  if (OPERATION == 2u) { return left * right; }
  return left / right;
}

fn source_a(at: u32) -> u32 {
  let size = array<u32, 6>(params.size0, params.size1, params.size2, params.size3, params.size4, params.size5);
  return strided(at, size, array<u32, 6>(params.a0, params.a1, params.a2, params.a3, params.a4, params.a5));
}

fn source_b(at: u32) -> u32 {
  let size = array<u32, 6>(params.size0, params.size1, params.size2, params.size3, params.size4, params.size5);
  return strided(at, size, array<u32, 6>(params.b0, params.b1, params.b2, params.b3, params.b4, params.b5));
}

fn element_a(at: u32) -> f32 {
  let origin = source_a(at);
  return f32(a[origin / 4u][origin % 4u]);
}

fn element_b(at: u32) -> f32 {
  let origin = source_b(at);
  return f32(b[origin / 4u][origin % 4u]);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.vectors) { return; }
  let at = 4u * i;
  if (VECTOR == 1u) {
    var left: vec4f;
    var right: vec4f;
    if (params.a5 == 0u) { left = vec4f(element_a(at)); } else { left = vec4f(a[source_a(at) / 4u]); }
    if (params.b5 == 0u) { right = vec4f(element_b(at)); } else { right = vec4f(b[source_b(at) / 4u]); }
    y[i] = Y(apply(left, right));
  } else {
    y[i] = Y(apply(
      vec4f(element_a(at), element_a(at + 1u), element_a(at + 2u), element_a(at + 3u)),
      vec4f(element_b(at), element_b(at + 1u), element_b(at + 2u), element_b(at + 3u)),
    ));
  }
}
