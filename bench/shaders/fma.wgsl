// The most multiply-adds an adapter can do: three independent vec4 accumulators, each p = p · a + b again and again. They
// are variables of their own and the loop is unrolled by hand, because some compilers keep small arrays in memory.
// y: one vec4 per invocation, written so that nothing can be left out.
// One invocation: 96 · iterations multiply-adds in registers.

struct Params { iterations: u32, a: f32, b: f32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let a = vec4f(params.a);
  let b = vec4f(params.b);
  var p = vec4f(f32(lane));
  var q = p + 1.0;
  var r = p + 2.0;
  for (var n = 0u; n < params.iterations; n++) {
    p = fma(p, a, b); q = fma(q, a, b); r = fma(r, a, b);
    p = fma(p, a, b); q = fma(q, a, b); r = fma(r, a, b);
    p = fma(p, a, b); q = fma(q, a, b); r = fma(r, a, b);
    p = fma(p, a, b); q = fma(q, a, b); r = fma(r, a, b);
    p = fma(p, a, b); q = fma(q, a, b); r = fma(r, a, b);
    p = fma(p, a, b); q = fma(q, a, b); r = fma(r, a, b);
    p = fma(p, a, b); q = fma(q, a, b); r = fma(r, a, b);
    p = fma(p, a, b); q = fma(q, a, b); r = fma(r, a, b);
  }
  y[group.x * 64u + lane] = p + q + r;
}
