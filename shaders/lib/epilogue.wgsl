// What a convolution does with its sums:
//   y[pixel, yStart + k] = act(residual[pixel, k] + residualScale · (bias[k] + sum))
// bias [K]   residual [pixels, K]   y [pixels, yChannels]
// Without HAS_BIAS or HAS_RESIDUAL there is no bias, or no residual and no scale, and any buffer is bound in its place.
// The file that uses this declares the three bindings, has `@align(16) epilogue: Epilogue` in its Params, and says what it takes
// channels in, one at a time or four:
//   alias Value = f32;   const VALUE_CHANNELS = 1u;     or     alias Value = vec4f;   const VALUE_CHANNELS = 4u;
//   alias Y, a Value as y stores it
// use lib/activation.wgsl

override HAS_BIAS = 1u;
override HAS_RESIDUAL = 0u;

// The last member fills it up to 32 bytes: what follows a structure in a uniform block begins at a multiple of 16.
struct Epilogue { yStart: u32, yChannels: u32, residualScale: f32, low: f32, @size(16) high: f32 }

// `k` counts Values, of which a pixel has `count`.
fn finish(sum: Value, pixel: u32, k: u32, count: u32) {
  var value = sum;
  if (HAS_BIAS == 1u) { value += Value(bias[k]); }
  if (HAS_RESIDUAL == 1u) {
    value = Value(residual[pixel * count + k]) + params.epilogue.residualScale * value;
  }
  let at = (pixel * params.epilogue.yChannels + params.epilogue.yStart) / VALUE_CHANNELS + k;
  y[at] = Y(activate(value, params.epilogue.low, params.epilogue.high));
}
