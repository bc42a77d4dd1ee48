// What a convolution does with its sums. ACTIVATION 0: nothing. 1: max(x, 0). 2: min(max(x, low), high). 3: x where x > 0,
// else low · x.
// Written as choices: min and max may drop a NaN, which must reach the loss to be seen.
// The file that uses this has alias Value = f32; or alias Value = vec4f;
override ACTIVATION = 0u;

fn activate(x: Value, low: f32, high: f32) -> Value {
  if (ACTIVATION == 1u) { return select(x, Value(0.0), x < Value(0.0)); }
  if (ACTIVATION == 2u) {
    let least = select(x, Value(low), x < Value(low));
    return select(least, Value(high), least > Value(high));
  }
  if (ACTIVATION == 3u) { return select(low * x, x, x > Value(0.0)); }
  return x;
}
