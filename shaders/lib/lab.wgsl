// CIE L*a*b* to linear sRGB, white point D65: the constants of src/kernels/elementwise/labToSrgb.ts.

// XYZ / white -> linear sRGB, column by column
const FROM_XYZ = mat3x3f(
  3.0799551080, -0.9212586256, 0.0528874010,
  -1.5371390038, 1.8760111164, -0.2040258747,
  -0.5428161042, 0.0452475091, 1.1511384736
);
// where CIE's cube root begins
const ROOT_FROM = 6.0 / 29.0;
const KAPPA = 24389.0 / 27.0;
// linear light below which sRGB is straight
const LINEAR_BELOW = 0.0031308;

// CIE's f of X, Y and Z, of a picture with the lightness L* / 50 - 1.
fn roots_of(lightness: f32, ab: vec2f) -> vec3f {
  let f = (50.0 * lightness + 66.0) / 116.0;
  return vec3f(f + ab.x / 500.0, f, f - ab.y / 200.0);
}

fn linear_of(roots: vec3f) -> vec3f {
  let straight = (116.0 * roots - 16.0) / KAPPA;
  return FROM_XYZ * select(straight, roots * roots * roots, roots > vec3f(ROOT_FROM));
}
