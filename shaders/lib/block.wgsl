// Block of factor × factor pixels at the high resolution that stands over one pixel of a row of W at the low one.
// `at` counts elements (or vec4s) at the low resolution, `channels` those of a pixel; rows of all images count on.

// The upper left pixel's element.
fn block_corner(at: u32, W: u32, channels: u32, factor: u32) -> u32 {
  let pixel = at / channels;
  let row = pixel / W * factor;
  return (row * W + pixel % W) * factor * channels + at % channels;
}

// How far the element of row a and column b of the block is from the corner's.
fn block_offset(a: u32, b: u32, W: u32, channels: u32, factor: u32) -> u32 {
  return (a * W * factor + b) * channels;
}
