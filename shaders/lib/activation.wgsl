// What a convolution does with its sums. ACTIVATION 0: nothing. 1: max(x, 0). 2: min(max(x, low), high). 3: x where x > 0,
// else low · x.
override ACTIVATION = 0u;

fn activate(x: vec4f, low: f32, high: f32) -> vec4f {
  if (ACTIVATION == 1u) { return select(x, vec4f(0.0), x < vec4f(0.0)); } // not max, which may drop a NaN
  if (ACTIVATION == 2u) { return min(max(x, vec4f(low)), vec4f(high)); }
  if (ACTIVATION == 3u) { return select(low * x, x, x > vec4f(0.0)); }
  return x;
}
