// y_r = diagonal_r · u_r − Σ k(r,s) · u_s over the eight neighbours s of pixel r; 0 where the diagonal is not above 0
// u, y [N,H,W,2]   diagonal [N,H,W]
// weights [N,H,W] of vec4: k to the pixels right, below left, below, below right; those that lie outside are not looked at
// One invocation: one pixel.
// use lib/grid.wgsl

struct Params { pixels: u32, H: u32, W: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> u: array<vec2f>;
@group(0) @binding(2) var<storage, read> weights: array<vec4f>;
@group(0) @binding(3) var<storage, read> diagonal: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<vec2f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let r = workgroup_number(group, groups) * 64u + lane;
  if (r >= params.pixels) { return; }
  let column = r % params.W;
  let row = r / params.W % params.H;
  let left = column > 0u;
  let right = column + 1u < params.W;
  let own = weights[r];
  var sum = vec2f(0.0);
  if (right) { sum += own.x * u[r + 1u]; }
  if (left) { sum += weights[r - 1u].x * u[r - 1u]; }
  if (row + 1u < params.H) {
    let below = r + params.W;
    if (left) { sum += own.y * u[below - 1u]; }
    sum += own.z * u[below];
    if (right) { sum += own.w * u[below + 1u]; }
  }
  if (row > 0u) {
    let above = r - params.W;
    if (left) { sum += weights[above - 1u].w * u[above - 1u]; }
    sum += weights[above].z * u[above];
    if (right) { sum += weights[above + 1u].y * u[above + 1u]; }
  }
  let d = diagonal[r];
  y[r] = select(vec2f(0.0), d * u[r] - sum, d > 0.0);
}
