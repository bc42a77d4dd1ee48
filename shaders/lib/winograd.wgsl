// Winograd's minimal filtering F(4,3) along one axis (Lavin and Gray 2016, "Fast algorithms for convolutional neural networks",
// section 4): four outputs of a kernel of three taps from six inputs by six products instead of twelve,
//     y = Aᵀ [(G g) ⊙ (Bᵀ d)]
// made by Toom and Cook's construction from the points 0, 1, −1, ½, −2 and ∞. Points of this kind round least (Barabasz et al.
// 2020, "Error analysis and improving the accuracy of Winograd convolution"); 0, ±1, ±2 would be twice as far off.

// Bᵀ d
fn winograd_input(d: array<f32, 6>) -> array<f32, 6> {
  return array<f32, 6>(
    d[0] + d[4] - 2.0 * d[2] + 1.5 * (d[3] - d[1]),
    d[4] - d[1] + 0.5 * d[2] + 2.5 * d[3],
    d[4] + d[1] - 2.5 * d[2] + 0.5 * d[3],
    d[4] - d[2] + 2.0 * (d[3] - d[1]),
    d[4] - d[2] + 0.5 * (d[1] - d[3]),
    d[1] + d[5] - 2.0 * d[3] + 1.5 * (d[4] - d[2]),
  );
}

// G g
fn winograd_weight(g: array<f32, 3>) -> array<f32, 6> {
  return array<f32, 6>(
    g[0],
    (g[0] + g[1] + g[2]) / 3.0,
    (g[1] - g[0] - g[2]) / 3.0,
    (g[0] + 0.5 * g[1] + 0.25 * g[2]) / -0.9375,
    (g[0] - 2.0 * g[1] + 4.0 * g[2]) / 15.0,
    g[2],
  );
}

// Aᵀ m
fn winograd_output(m: array<f32, 6>) -> array<f32, 4> {
  let sum = m[1] + m[2];
  let difference = m[1] - m[2];
  return array<f32, 4>(
    m[0] + sum + m[3] + m[4],
    difference + 0.5 * m[3] - 2.0 * m[4],
    sum + 0.25 * m[3] + 4.0 * m[4],
    difference + 0.125 * m[3] - 8.0 * m[4] + m[5],
  );
}

// A y, the transpose of the output's transform
fn winograd_output_grad(y: array<f32, 4>) -> array<f32, 6> {
  let even = y[0] + y[2];
  let odd = y[1] + y[3];
  return array<f32, 6>(
    y[0],
    even + odd,
    even - odd,
    y[0] + 0.5 * y[1] + 0.25 * y[2] + 0.125 * y[3],
    y[0] - 2.0 * y[1] + 4.0 * y[2] - 8.0 * y[3],
    y[3],
  );
}

// Gᵀ u, the transpose of the weight's transform
fn winograd_weight_grad(u: array<f32, 6>) -> array<f32, 3> {
  let sum = (u[1] + u[2]) / 3.0;
  let difference = (u[1] - u[2]) / 3.0;
  let half = u[3] / -0.9375;
  let two = u[4] / 15.0;
  return array<f32, 3>(
    u[0] + difference + half + two,
    sum + 0.5 * half - 2.0 * two,
    difference + 0.25 * half + 4.0 * two + u[5],
  );
}
