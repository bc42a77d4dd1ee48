// The sums over the bins q of one pixel that its cross entropy is made of, by differences to its largest logit, so that nothing
// overflows or cancels:
//   largest = max_q z_q   exps = Σ_q exp(z_q − largest)   whole = Σ_q t_q   aligned = Σ_q t_q (z_q − largest)
// The file that uses this declares z and t [pixels, bins]; `base` is the pixel's first element.
struct Sums { largest: f32, exps: f32, whole: f32, aligned: f32 }

fn softmax_sums(base: u32, bins: u32) -> Sums {
  var sums = Sums(z[base], 0.0, 0.0, 0.0);
  for (var q = 1u; q < bins; q++) { sums.largest = max(sums.largest, z[base + q]); }
  for (var q = 0u; q < bins; q++) {
    let above = z[base + q] - sums.largest;
    sums.exps += exp(above);
    sums.whole += t[base + q];
    sums.aligned += t[base + q] * above;
  }
  return sums;
}
