// Made by scripts/embed-shaders.mjs out of shaders/: change those files, not this one.

/** Shader text by name: "conv2d_tiled", or "lib/rows" for what several shaders share. */
export const SHADER_TEXT: Readonly<Record<string, string>> = {
  'conv2d': `// y[n,oh,ow,yStart+k] = act(residual[n,oh,ow,k] + residualScale · (bias[k] +
//     Σ_{r,s,c} x[n, oh·strideH + r·dilationH − padTop, ow·strideW + s·dilationW − padLeft, c₀+c] · w[r,s,c,k]))
// where c₀ is the first input channel of k's group. Any kernel size, stride, padding, dilation and groups; the tiled
// kernel is the fast one, this one takes what does not fit it.
// x [N,H,W,C]   w [R,S,C/groups,K]   y [N,OH,OW,yChannels]
// bias [K] and residual [N,OH,OW,K], see lib/epilogue
// One invocation: one output.
// use lib/grid.wgsl
// use lib/conv_params.wgsl
// use lib/epilogue.wgsl

struct Params { conv: Conv, outputsPerGroup: u32, @align(16) epilogue: Epilogue }

alias Value = f32;
alias Y = f32;
const VALUE_CHANNELS = 1u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> residual: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<Y>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = workgroup_number(group, groups) * 64u + lane;
  if (at >= params.conv.N * params.conv.OH * params.conv.OW * params.conv.K) { return; }
  let k = at % params.conv.K;
  let ow = at / params.conv.K % params.conv.OW;
  let oh = at / (params.conv.K * params.conv.OW) % params.conv.OH;
  let n = at / (params.conv.K * params.conv.OW * params.conv.OH);
  let first_channel = k / params.outputsPerGroup * params.conv.channelsPerGroup;

  var sum = 0.0;
  for (var r = 0u; r < params.conv.R; r++) {
    // coordinates before the image wrap around to huge numbers, so one comparison covers both sides
    let h = oh * params.conv.strideH + r * params.conv.dilationH - params.conv.padTop;
    if (h >= params.conv.H) { continue; }
    for (var s = 0u; s < params.conv.S; s++) {
      let v = ow * params.conv.strideW + s * params.conv.dilationW - params.conv.padLeft;
      if (v >= params.conv.W) { continue; }
      let pixel = ((n * params.conv.H + h) * params.conv.W + v) * params.conv.C + first_channel;
      let tap = (r * params.conv.S + s) * params.conv.channelsPerGroup * params.conv.K + k;
      for (var c = 0u; c < params.conv.channelsPerGroup; c++) {
        sum += f32(x[pixel + c]) * f32(w[tap + c * params.conv.K]);
      }
    }
  }
  finish(sum, at / params.conv.K, k, params.conv.K);
}
`,
  'conv2d_blocked': `// A convolution as the matrix product that lib/conv2d_gemm makes of it: formula and bindings stand there.
// One workgroup: a block of the product in registers, see lib/gemm_blocked.
// use lib/conv2d_gemm.wgsl
// use lib/gemm_blocked.wgsl

@compute @workgroup_size(SIDE, SIDE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) lane: vec3u) {
  product(group, lane.xy);
}
`,
  'conv2d_depthwise': `// y[n,oh,ow,yStart+c] = act(residual[n,oh,ow,c] + residualScale · (bias[c] +
//     Σ_{r,s} x[n, oh·strideH + r·dilationH − padTop, ow·strideW + s·dilationW − padLeft, c] · w[r,s,c]))
// for as many groups as channels in and out, and C, yStart and yChannels multiples of 4.
// x [N,H,W,C]   w [R,S,C]   y [N,OH,OW,yChannels]   all as vec4 over C
// bias [C] and residual [N,OH,OW,C] as vec4, see lib/epilogue
// One invocation: PIXELS neighbouring pixels of one row × one vec4 of channels, so that a weight is loaded once for all of them.
// use lib/grid.wgsl
// use lib/conv_params.wgsl
// use lib/epilogue.wgsl

const PIXELS = 4u;

struct Params { conv: Conv, @align(16) epilogue: Epilogue }

alias Value = vec4f;
alias Y = vec4f;
const VALUE_CHANNELS = 4u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> w: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read> residual: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> y: array<Y>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = workgroup_number(group, groups) * 64u + lane;
  let C4 = params.conv.C / 4u;
  let across = (params.conv.OW + PIXELS - 1u) / PIXELS;
  let row = at / (C4 * across);
  if (row >= params.conv.N * params.conv.OH) { return; }
  let c4 = at % C4;
  let first_ow = at / C4 % across * PIXELS;
  let top = row % params.conv.OH * params.conv.strideH - params.conv.padTop;

  var sum: array<vec4f, PIXELS>;
  for (var r = 0u; r < params.conv.R; r++) {
    // coordinates before the image wrap around to huge numbers, so one comparison covers both sides
    let h = top + r * params.conv.dilationH;
    if (h >= params.conv.H) { continue; }
    let image_row = (row / params.conv.OH * params.conv.H + h) * params.conv.W;
    for (var s = 0u; s < params.conv.S; s++) {
      let weight = vec4f(w[(r * params.conv.S + s) * C4 + c4]);
      for (var p = 0u; p < PIXELS; p++) {
        let column = (first_ow + p) * params.conv.strideW + s * params.conv.dilationW - params.conv.padLeft;
        let value = vec4f(x[(image_row + min(column, params.conv.W - 1u)) * C4 + c4]);
        sum[p] += select(vec4f(0.0), value, column < params.conv.W) * weight;
      }
    }
  }

  for (var p = 0u; p < PIXELS; p++) {
    if (first_ow + p >= params.conv.OW) { continue; }
    let pixel = row * params.conv.OW + first_ow + p;
    finish(sum[p], pixel, c4, C4);
  }
}
`,
  'conv2d_grad_input': `// dx[n,h,v,c] = Σ_{r,s,k} dy[n,oh,ow,k] · w[r,s,c−c₀,k] over the k of c's group and the (r,oh), (s,ow) with
//   oh·strideH + r·dilationH − padTop = h   and   ow·strideW + s·dilationW − padLeft = v
// Any kernel size, stride, padding, dilation and groups; the tiled kernel is the fast one.
// dy [N,OH,OW,K]   w [R,S,C/groups,K]   dx [N,H,W,C]
// One invocation: one element of dx.
// use lib/grid.wgsl
// use lib/conv_params.wgsl

struct Params { conv: Conv, outputsPerGroup: u32 }

alias Y = f32;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<Y>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = workgroup_number(group, groups) * 64u + lane;
  if (at >= params.conv.N * params.conv.H * params.conv.W * params.conv.C) { return; }
  let c = at % params.conv.C;
  let v = at / params.conv.C % params.conv.W;
  let h = at / (params.conv.C * params.conv.W) % params.conv.H;
  let n = at / (params.conv.C * params.conv.W * params.conv.H);
  let first_k = c / params.conv.channelsPerGroup * params.outputsPerGroup;

  var sum = 0.0;
  for (var r = 0u; r < params.conv.R; r++) {
    // what would be below 0, of \`across\` too, wraps around to a huge number and so is beyond the last output
    let down = h + params.conv.padTop - r * params.conv.dilationH;
    let oh = down / params.conv.strideH;
    if (down % params.conv.strideH != 0u || oh >= params.conv.OH) { continue; }
    for (var s = 0u; s < params.conv.S; s++) {
      let across = v + params.conv.padLeft - s * params.conv.dilationW;
      let ow = across / params.conv.strideW;
      if (across % params.conv.strideW != 0u || ow >= params.conv.OW) { continue; }
      let pixel = ((n * params.conv.OH + oh) * params.conv.OW + ow) * params.conv.K + first_k;
      let channel = c % params.conv.channelsPerGroup;
      let tap = ((r * params.conv.S + s) * params.conv.channelsPerGroup + channel) * params.conv.K + first_k;
      for (var k = 0u; k < params.outputsPerGroup; k++) {
        sum += f32(dy[pixel + k]) * f32(w[tap + k]);
      }
    }
  }
  dx[at] = Y(sum);
}
`,
  'conv2d_grad_input_blocked': `// The gradient of a convolution to its input as the matrix product that lib/conv2d_grad_input_gemm makes of it: formula and bindings stand there.
// One workgroup: a block of the product in registers, see lib/gemm_blocked.
// use lib/conv2d_grad_input_gemm.wgsl
// use lib/gemm_blocked.wgsl

@compute @workgroup_size(SIDE, SIDE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) lane: vec3u) {
  product(group, lane.xy);
}
`,
  'conv2d_grad_input_matrix': `// The gradient of a convolution to its input as the matrix product that lib/conv2d_grad_input_gemm makes of it: formula and bindings stand there.
// One workgroup: a block of the product in the subgroups' matrices, see lib/gemm_matrix.
// use lib/conv2d_grad_input_gemm.wgsl
// use lib/gemm_matrix.wgsl

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) index: u32,
  @builtin(subgroup_id) subgroup: u32,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  product(group, index, subgroup, lane);
}
`,
  'conv2d_grad_input_subgroup': `// dx[n,h,v,c] = Σ_{r,s,k} dy[n,oh,ow,k] · wt[r,s,k,c] over the (r,oh), (s,ow) with
//   oh·strideH + r·dilationH − padTop = h   and   ow·strideW + s·dilationW − padLeft = v
// for C a multiple of 4, one group, and an adapter whose subgroups have exactly 8 lanes.
// dy [N,OH,OW,K]   wt [R,S,K,C] (the weight transposed) as vec4 over C   dx [N,H,W,C] as vec4
// One workgroup: one subgroup, LX lanes side by side over vec4s of channels and LY = 8 / LX over pixels that all stand at the
// same phase of the strides, so that the same taps reach all of them and no product is computed in vain.
// One invocation: PIXELS pixels that stand LY apart in their phase × VEC vec4s of channels that stand LX apart, summed in
// registers. Lanes load values for each other as in conv2d_subgroup.
// use lib/conv_params.wgsl

enable subgroups;

const PIXELS = 32u;
const VEC = 2u;
const LX = 8u;
const LY = 1u;
const LOADS = PIXELS / LX;

struct Params { conv: Conv }

alias Y = vec4f;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> wt: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dx: array<Y>;

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let C4 = params.conv.C / 4u;
  let first_c4 = group.z * LX * VEC + lane % LX;
  let first_pixel = group.x * PIXELS * LY;
  let row = lane / LX % LY;
  // pixels of one phase, counted as if all phases had as many as the first
  let phase_h = group.y / params.conv.strideW;
  let phase_w = group.y % params.conv.strideW;
  let rows = (params.conv.H + params.conv.strideH - 1u) / params.conv.strideH;
  let columns = (params.conv.W + params.conv.strideW - 1u) / params.conv.strideW;
  let pixels = params.conv.N * rows * columns;

  // lanes beyond the last channel or pixel compute it again and write nothing
  var c4: array<u32, VEC>;
  for (var v = 0u; v < VEC; v++) { c4[v] = min(first_c4 + v * LX, C4 - 1u); }
  var image: array<u32, LOADS>;
  var down: array<u32, LOADS>;
  var across: array<u32, LOADS>;
  for (var q = 0u; q < LOADS; q++) {
    let pixel = min(first_pixel + q * 8u + lane, pixels - 1u);
    image[q] = pixel / (rows * columns);
    down[q] = pixel / columns % rows;
    across[q] = pixel % columns;
  }

  // whole strides are added before each division and taken off behind it, so that it never sees a negative number;
  // a coordinate before the first output then wraps around to a huge one, and one comparison covers both sides
  let ahead_h = params.conv.R * params.conv.dilationH;
  let ahead_w = params.conv.S * params.conv.dilationW;
  var sum: array<vec4f, PIXELS * VEC>;
  for (var r = 0u; r < params.conv.R; r++) {
    let start_h = phase_h + params.conv.padTop + ahead_h * params.conv.strideH - r * params.conv.dilationH;
    if (start_h % params.conv.strideH != 0u) { continue; }
    for (var s = 0u; s < params.conv.S; s++) {
      let start_w = phase_w + params.conv.padLeft + ahead_w * params.conv.strideW - s * params.conv.dilationW;
      if (start_w % params.conv.strideW != 0u) { continue; }
      var at: array<u32, LOADS>;
      var inside: array<bool, LOADS>;
      for (var q = 0u; q < LOADS; q++) {
        let oh = down[q] + start_h / params.conv.strideH - ahead_h;
        let ow = across[q] + start_w / params.conv.strideW - ahead_w;
        inside[q] = oh < params.conv.OH && ow < params.conv.OW;
        let output_row = image[q] * params.conv.OH + min(oh, params.conv.OH - 1u);
        at[q] = (output_row * params.conv.OW + min(ow, params.conv.OW - 1u)) * params.conv.K;
      }
      var tap = (r * params.conv.S + s) * params.conv.K * C4;
      for (var k = 0u; k < params.conv.K; k++) {
        var weight: array<vec4f, VEC>;
        for (var v = 0u; v < VEC; v++) { weight[v] = wt[tap + c4[v]]; }
        tap += C4;
        // a loop of its own: some compilers unroll only short ones, and sums that are not unrolled are not in registers
        var loaded: array<f32, LOADS>;
        for (var q = 0u; q < LOADS; q++) { loaded[q] = select(0.0, f32(dy[at[q] + k]), inside[q]); }
        for (var q = 0u; q < LOADS; q++) {
          for (var i = 0u; i < LX; i++) {
            let grad = subgroupShuffle(loaded[q], i * LY + row);
            for (var v = 0u; v < VEC; v++) { sum[(q * LX + i) * VEC + v] += grad * weight[v]; }
          }
        }
      }
    }
  }

  for (var p = 0u; p < PIXELS; p++) {
    let pixel = first_pixel + p * LY + row;
    let h = pixel / columns % rows * params.conv.strideH + phase_h;
    let v = pixel % columns * params.conv.strideW + phase_w;
    if (pixel >= pixels || h >= params.conv.H || v >= params.conv.W) { continue; }
    let origin = ((pixel / (rows * columns) * params.conv.H + h) * params.conv.W + v) * C4;
    for (var i = 0u; i < VEC; i++) {
      if (first_c4 + i * LX < C4) { dx[origin + c4[i]] = Y(sum[p * VEC + i]); }
    }
  }
}
`,
  'conv2d_grad_input_tiled': `// dx[n,h,v,c] = Σ_{r,s,k} dy[n,oh,ow,k] · wt[r,s,k,c] over the (r,oh), (s,ow) with
//   oh·strideH + r·dilationH − padTop = h   and   ow·strideW + s·dilationW − padLeft = v
// for C a multiple of 4 and one group.
// dy [N,OH,OW,K]   wt [R,S,K,C] (the weight transposed) as vec4 over C   dx [N,H,W,C] as vec4
// One invocation: PIXELS pixels of one row × VEC vec4s of channels, summed in registers. Its pixels stand strideW
// apart, so that the same taps s reach all of them and no product is computed in vain.
// One workgroup: LX lanes side by side over the channels and LY lanes over groups of pixels.
// use lib/conv_params.wgsl

const PIXELS = 8u;
const VEC = 2u;
override LX = 8u;
override LY = 1u;

struct Params { conv: Conv }

alias Y = vec4f;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> wt: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dx: array<Y>;

@compute @workgroup_size(LX, LY)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) lane: vec3u) {
  let C4 = params.conv.C / 4u;
  let first_c4 = group.z * LX * VEC + lane.x;
  let phase = group.x % params.conv.strideW;
  let first = (group.x / params.conv.strideW * LY + lane.y) * PIXELS;
  let n = group.y / params.conv.H;
  let h = group.y % params.conv.H;

  // lanes beyond the last channel compute it again and write nothing
  var c4: array<u32, VEC>;
  for (var v = 0u; v < VEC; v++) { c4[v] = min(first_c4 + v * LX, C4 - 1u); }

  // whole strides are added before each division and taken off behind it, so that it never sees a negative number;
  // a coordinate before the first output then wraps around to a huge one, and one comparison covers both sides
  let ahead_h = params.conv.R * params.conv.dilationH;
  let ahead_w = params.conv.S * params.conv.dilationW;
  var sum: array<vec4f, PIXELS * VEC>;
  for (var r = 0u; r < params.conv.R; r++) {
    let down = h + params.conv.padTop + ahead_h * params.conv.strideH - r * params.conv.dilationH;
    let oh = down / params.conv.strideH - ahead_h;
    if (down % params.conv.strideH != 0u || oh >= params.conv.OH) { continue; }
    for (var s = 0u; s < params.conv.S; s++) {
      let across = phase + params.conv.padLeft + ahead_w * params.conv.strideW - s * params.conv.dilationW;
      if (across % params.conv.strideW != 0u) { continue; }
      let first_ow = across / params.conv.strideW - ahead_w + first;
      var pixel: array<u32, PIXELS>;
      var inside: array<bool, PIXELS>;
      for (var p = 0u; p < PIXELS; p++) {
        let ow = first_ow + p;
        inside[p] = ow < params.conv.OW;
        pixel[p] = ((n * params.conv.OH + oh) * params.conv.OW + min(ow, params.conv.OW - 1u)) * params.conv.K;
      }
      let tap = (r * params.conv.S + s) * params.conv.K * C4;
      for (var k = 0u; k < params.conv.K; k++) {
        var weight: array<vec4f, VEC>;
        for (var v = 0u; v < VEC; v++) { weight[v] = wt[tap + k * C4 + c4[v]]; }
        for (var p = 0u; p < PIXELS; p++) {
          let grad = select(0.0, f32(dy[pixel[p] + k]), inside[p]);
          for (var v = 0u; v < VEC; v++) { sum[p * VEC + v] += grad * weight[v]; }
        }
      }
    }
  }

  for (var v = 0u; v < VEC; v++) {
    if (first_c4 + v * LX >= C4) { continue; }
    for (var p = 0u; p < PIXELS; p++) {
      let column = phase + (first + p) * params.conv.strideW;
      if (column >= params.conv.W) { continue; }
      dx[(group.y * params.conv.W + column) * C4 + c4[v]] = Y(sum[p * VEC + v]);
    }
  }
}
`,
  'conv2d_grad_weight': `// dw[r,s,c,k] = Σ_{n,oh,ow} x[n, oh·strideH + r·dilationH − padTop, ow·strideW + s·dilationW − padLeft, c₀+c] · dy[n,oh,ow,k]
// where c₀ is the first input channel of k's group, over the output rows (n,oh) of this split: row group.z·rowsPerSplit
// and the rowsPerSplit − 1 after it. Any stride, padding, dilation and groups; the tiled kernel is the fast one.
// x [N,H,W,C]   dy [N,OH,OW,K]   dw [splits, R·S·C/groups·K rounded up to vec4s]
// One invocation: one weight of one split.
// use lib/grid.wgsl
// use lib/conv_params.wgsl

struct Params { conv: Conv, outputsPerGroup: u32, rowsPerSplit: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dw: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = workgroup_number(group, groups) * 64u + lane;
  let length = params.conv.R * params.conv.S * params.conv.channelsPerGroup * params.conv.K;
  if (at >= length) { return; }
  let k = at % params.conv.K;
  let c = k / params.outputsPerGroup * params.conv.channelsPerGroup + at / params.conv.K % params.conv.channelsPerGroup;
  let tap = at / (params.conv.K * params.conv.channelsPerGroup);
  let r = tap / params.conv.S;
  let s = tap % params.conv.S;

  var sum = 0.0;
  let first_row = group.z * params.rowsPerSplit;
  let end_row = min(first_row + params.rowsPerSplit, params.conv.N * params.conv.OH);
  for (var row = first_row; row < end_row; row++) {
    // coordinates before the image wrap around to huge numbers, so one comparison covers both sides
    let h = row % params.conv.OH * params.conv.strideH + r * params.conv.dilationH - params.conv.padTop;
    if (h >= params.conv.H) { continue; }
    let image_row = (row / params.conv.OH * params.conv.H + h) * params.conv.W;
    for (var ow = 0u; ow < params.conv.OW; ow++) {
      let v = ow * params.conv.strideW + s * params.conv.dilationW - params.conv.padLeft;
      if (v >= params.conv.W) { continue; }
      sum += f32(x[(image_row + v) * params.conv.C + c]) * f32(dy[(row * params.conv.OW + ow) * params.conv.K + k]);
    }
  }
  dw[group.z * ((length + 3u) / 4u * 4u) + at] = sum;
}
`,
  'conv2d_grad_weight_blocked': `// The gradient of a convolution to its weight as the matrix product that lib/conv2d_grad_weight_gemm makes of it: formula and bindings stand there.
// One workgroup: a block of the product in registers, see lib/gemm_blocked.
// use lib/conv2d_grad_weight_gemm.wgsl
// use lib/gemm_blocked.wgsl

@compute @workgroup_size(SIDE, SIDE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) lane: vec3u) {
  product(group, lane.xy);
}
`,
  'conv2d_grad_weight_matrix': `// The gradient of a convolution to its weight as the matrix product that lib/conv2d_grad_weight_gemm makes of it: formula and bindings stand there.
// One workgroup: a block of the product in the subgroups' matrices, see lib/gemm_matrix.
// use lib/conv2d_grad_weight_gemm.wgsl
// use lib/gemm_matrix.wgsl

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) index: u32,
  @builtin(subgroup_id) subgroup: u32,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  product(group, index, subgroup, lane);
}
`,
  'conv2d_grad_weight_subgroup': `// dw[r,s,c,k] = Σ_{n,oh,ow} x[n, oh·strideH + r·dilationH − padTop, ow·strideW + s·dilationW − padLeft, c] · dy[n,oh,ow,k]
// over the output rows (n,oh) of this split: row group.z·rowsPerSplit and the rowsPerSplit − 1 after it; for K a
// multiple of 4, one group, and an adapter whose subgroups have exactly 8 lanes.
// x [N,H,W,C]   dy [N,OH,OW,K] as vec4 over K   dw [splits,R,S,C,K] as vec4
// One workgroup: one subgroup, LX lanes side by side over vec4s of output channels and LY = 8 / LX over rows (r,s,c) of dw.
// One invocation: ROWS rows that stand LY apart × VEC vec4s of output channels that stand LX apart, summed in registers. Lanes
// load values for each other as in conv2d_subgroup.
// use lib/conv_params.wgsl

enable subgroups;

const ROWS = 32u;
const VEC = 2u;
const LX = 8u;
const LY = 1u;
const LOADS = ROWS / LX;

struct Params { conv: Conv, rowsPerSplit: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dw: array<vec4f>;

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let K4 = params.conv.K / 4u;
  let weights = params.conv.R * params.conv.S * params.conv.C;
  let first_k4 = group.y * LX * VEC + lane % LX;
  let first_weight = group.x * ROWS * LY;
  let row = lane / LX % LY;

  // lanes beyond the last channel or row of dw compute it again and write nothing
  var k4: array<u32, VEC>;
  for (var v = 0u; v < VEC; v++) { k4[v] = min(first_k4 + v * LX, K4 - 1u); }
  // where the rows of dw whose values this lane loads meet the first output
  var channel: array<u32, LOADS>;
  var top: array<u32, LOADS>;
  var left: array<u32, LOADS>;
  for (var q = 0u; q < LOADS; q++) {
    let weight = min(first_weight + q * 8u + lane, weights - 1u);
    channel[q] = weight % params.conv.C;
    top[q] = weight / (params.conv.C * params.conv.S) * params.conv.dilationH - params.conv.padTop;
    left[q] = weight / params.conv.C % params.conv.S * params.conv.dilationW - params.conv.padLeft;
  }

  var sum: array<vec4f, ROWS * VEC>;
  let first_output = group.z * params.rowsPerSplit;
  let end_output = min(first_output + params.rowsPerSplit, params.conv.N * params.conv.OH);
  for (var output = first_output; output < end_output; output++) {
    var image_row: array<u32, LOADS>;
    var inside: array<bool, LOADS>;
    for (var q = 0u; q < LOADS; q++) {
      // coordinates before the image wrap around to huge numbers, so one comparison covers both sides
      let h = output % params.conv.OH * params.conv.strideH + top[q];
      inside[q] = h < params.conv.H;
      image_row[q] = (output / params.conv.OH * params.conv.H + min(h, params.conv.H - 1u)) * params.conv.W;
    }
    for (var ow = 0u; ow < params.conv.OW; ow++) {
      var grad: array<vec4f, VEC>;
      for (var v = 0u; v < VEC; v++) { grad[v] = vec4f(dy[(output * params.conv.OW + ow) * K4 + k4[v]]); }
      // a loop of its own: some compilers unroll only short ones, and sums that are not unrolled are not in registers
      var loaded: array<f32, LOADS>;
      for (var q = 0u; q < LOADS; q++) {
        let column = ow * params.conv.strideW + left[q];
        let at = (image_row[q] + min(column, params.conv.W - 1u)) * params.conv.C + channel[q];
        loaded[q] = select(0.0, f32(x[at]), inside[q] && column < params.conv.W);
      }
      for (var q = 0u; q < LOADS; q++) {
        for (var i = 0u; i < LX; i++) {
          let value = subgroupShuffle(loaded[q], i * LY + row);
          for (var v = 0u; v < VEC; v++) { sum[(q * LX + i) * VEC + v] += value * grad[v]; }
        }
      }
    }
  }

  for (var p = 0u; p < ROWS; p++) {
    let weight = first_weight + p * LY + row;
    if (weight >= weights) { continue; }
    for (var v = 0u; v < VEC; v++) {
      if (first_k4 + v * LX < K4) { dw[(group.z * weights + weight) * K4 + k4[v]] = sum[p * VEC + v]; }
    }
  }
}
`,
  'conv2d_grad_weight_tiled': `// dw[r,s,c,k] = Σ_{n,oh,ow} x[n, oh·strideH + r·dilationH − padTop, ow·strideW + s·dilationW − padLeft, c] · dy[n,oh,ow,k]
// over the output rows (n,oh) of this split: row group.z·rowsPerSplit and the rowsPerSplit − 1 after it; for K a
// multiple of 4 and one group.
// x [N,H,W,C]   dy [N,OH,OW,K] as vec4 over K   dw [splits,R,S,C,K] as vec4
// One invocation: CHANNELS input channels × VEC vec4s of output channels of one tap (r,s), summed in registers.
// One workgroup: LX lanes side by side over the output channels and LY lanes over groups of input channels.
// use lib/conv_params.wgsl

const CHANNELS = 8u;
const VEC = 2u;
override LX = 8u;
override LY = 1u;

struct Params { conv: Conv, rowsPerSplit: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dw: array<vec4f>;

@compute @workgroup_size(LX, LY)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) lane: vec3u) {
  let K4 = params.conv.K / 4u;
  let channel_tiles = (params.conv.C + CHANNELS * LY - 1u) / (CHANNELS * LY);
  let first_k4 = group.x / channel_tiles * LX * VEC + lane.x;
  let first_c = (group.x % channel_tiles * LY + lane.y) * CHANNELS;
  let r = group.y / params.conv.S;
  let s = group.y % params.conv.S;

  // lanes beyond the last channel compute it again and write nothing
  var k4: array<u32, VEC>;
  for (var v = 0u; v < VEC; v++) { k4[v] = min(first_k4 + v * LX, K4 - 1u); }
  var channel: array<u32, CHANNELS>;
  for (var i = 0u; i < CHANNELS; i++) { channel[i] = min(first_c + i, params.conv.C - 1u); }

  var sum: array<vec4f, CHANNELS * VEC>;
  let first_row = group.z * params.rowsPerSplit;
  let end_row = min(first_row + params.rowsPerSplit, params.conv.N * params.conv.OH);
  for (var row = first_row; row < end_row; row++) {
    // coordinates before the image wrap around to huge numbers, so one comparison covers both sides
    let h = row % params.conv.OH * params.conv.strideH + r * params.conv.dilationH - params.conv.padTop;
    if (h >= params.conv.H) { continue; }
    let image_row = (row / params.conv.OH * params.conv.H + h) * params.conv.W;
    for (var ow = 0u; ow < params.conv.OW; ow++) {
      let column = ow * params.conv.strideW + s * params.conv.dilationW - params.conv.padLeft;
      if (column >= params.conv.W) { continue; }
      let pixel = (image_row + column) * params.conv.C;
      var grad: array<vec4f, VEC>;
      for (var v = 0u; v < VEC; v++) { grad[v] = vec4f(dy[(row * params.conv.OW + ow) * K4 + k4[v]]); }
      for (var i = 0u; i < CHANNELS; i++) {
        let value = f32(x[pixel + channel[i]]);
        for (var v = 0u; v < VEC; v++) { sum[i * VEC + v] += value * grad[v]; }
      }
    }
  }

  let split = group.z * params.conv.R * params.conv.S * params.conv.C;
  for (var i = 0u; i < CHANNELS; i++) {
    if (first_c + i >= params.conv.C) { continue; }
    for (var v = 0u; v < VEC; v++) {
      if (first_k4 + v * LX >= K4) { continue; }
      dw[(split + group.y * params.conv.C + first_c + i) * K4 + k4[v]] = sum[i * VEC + v];
    }
  }
}
`,
  'conv2d_matrix': `// A convolution as the matrix product that lib/conv2d_gemm makes of it: formula and bindings stand there.
// One workgroup: a block of the product in the subgroups' matrices, see lib/gemm_matrix.
// use lib/conv2d_gemm.wgsl
// use lib/gemm_matrix.wgsl

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) index: u32,
  @builtin(subgroup_id) subgroup: u32,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  product(group, index, subgroup, lane);
}
`,
  'conv2d_subgroup': `// y[n,oh,ow,yStart+k] = act(residual[n,oh,ow,k] + residualScale · (bias[k] +
//     Σ_{r,s,c} x[n, oh·strideH + r·dilationH − padTop, ow·strideW + s·dilationW − padLeft, c] · w[r,s,c,k]))
// for K, yStart and yChannels multiples of 4, one group, and an adapter whose subgroups have exactly 8 lanes.
// x [N,H,W,C]   w [R,S,C,K] as vec4 over K   y [N,OH,OW,yChannels] as vec4
// bias [K] and residual [N,OH,OW,K] as vec4, see lib/epilogue
// The N·OH·OW pixels stand in one row, \`pixels\` of them for each w of a batch of weights [batches,R,S,C,K]: a convolution
// has one, a batched matrix product several.
// One workgroup: one subgroup, LX lanes side by side over vec4s of channels and LY = 8 / LX over pixels.
// One invocation: PIXELS pixels that stand LY apart × VEC vec4s of channels that stand LX apart, summed in registers. Each lane
// loads the values of other pixels than its neighbours, and they hand them to each other: where a load costs as much as
// many products (llvmpipe looks at each lane's bounds by itself) this is what counts.
// use lib/conv_params.wgsl
// use lib/epilogue.wgsl

enable subgroups;

const PIXELS = 32u;
const VEC = 2u;
const LX = 8u;
const LY = 1u;
const LOADS = PIXELS / LX;

struct Params { conv: Conv, pixels: u32, @align(16) epilogue: Epilogue }

alias Value = vec4f;
alias Y = vec4f;
const VALUE_CHANNELS = 4u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read> residual: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> y: array<Y>;

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let K4 = params.conv.K / 4u;
  let first_k4 = group.z * LX * VEC + lane % LX;
  let first_pixel = group.x * PIXELS * LY;
  let row = lane / LX % LY;

  // lanes beyond the last channel or pixel compute it again and write nothing
  var k4: array<u32, VEC>;
  for (var v = 0u; v < VEC; v++) { k4[v] = min(first_k4 + v * LX, K4 - 1u); }
  // where the kernel's first tap meets the pixels that this lane loads
  var image: array<u32, LOADS>;
  var top: array<u32, LOADS>;
  var left: array<u32, LOADS>;
  for (var q = 0u; q < LOADS; q++) {
    let pixel = group.y * params.pixels + min(first_pixel + q * 8u + lane, params.pixels - 1u);
    image[q] = pixel / (params.conv.OW * params.conv.OH);
    top[q] = pixel / params.conv.OW % params.conv.OH * params.conv.strideH - params.conv.padTop;
    left[q] = pixel % params.conv.OW * params.conv.strideW - params.conv.padLeft;
  }

  var sum: array<vec4f, PIXELS * VEC>;
  var tap = group.y * params.conv.R * params.conv.S * params.conv.C * K4;
  for (var r = 0u; r < params.conv.R; r++) {
    for (var s = 0u; s < params.conv.S; s++) {
      var at: array<u32, LOADS>;
      var inside: array<bool, LOADS>;
      for (var q = 0u; q < LOADS; q++) {
        // coordinates before the image wrap around to huge numbers, so one comparison covers both sides
        let h = top[q] + r * params.conv.dilationH;
        let v = left[q] + s * params.conv.dilationW;
        inside[q] = h < params.conv.H && v < params.conv.W;
        let image_row = image[q] * params.conv.H + min(h, params.conv.H - 1u);
        at[q] = (image_row * params.conv.W + min(v, params.conv.W - 1u)) * params.conv.C;
      }
      for (var c = 0u; c < params.conv.C; c++) {
        var weight: array<vec4f, VEC>;
        for (var v = 0u; v < VEC; v++) { weight[v] = vec4f(w[tap + k4[v]]); }
        tap += K4;
        // a loop of its own: some compilers unroll only short ones, and sums that are not unrolled are not in registers
        var loaded: array<f32, LOADS>;
        for (var q = 0u; q < LOADS; q++) { loaded[q] = select(0.0, f32(x[at[q] + c]), inside[q]); }
        for (var q = 0u; q < LOADS; q++) {
          for (var i = 0u; i < LX; i++) {
            let value = subgroupShuffle(loaded[q], i * LY + row);
            for (var v = 0u; v < VEC; v++) { sum[(q * LX + i) * VEC + v] += value * weight[v]; }
          }
        }
      }
    }
  }

  for (var p = 0u; p < PIXELS; p++) {
    let in_batch = first_pixel + p * LY + row;
    if (in_batch >= params.pixels) { continue; }
    let pixel = group.y * params.pixels + in_batch;
    for (var v = 0u; v < VEC; v++) {
      if (first_k4 + v * LX < K4) { finish(sum[p * VEC + v], pixel, k4[v], K4); }
    }
  }
}
`,
  'conv2d_tiled': `// y[n,oh,ow,yStart+k] = act(residual[n,oh,ow,k] + residualScale · (bias[k] +
//     Σ_{r,s,c} x[n, oh·strideH + r·dilationH − padTop, ow·strideW + s·dilationW − padLeft, c] · w[r,s,c,k]))
// for K, yStart and yChannels multiples of 4 and one group.
// x [N,H,W,C]   w [R,S,C,K] as vec4 over K   y [N,OH,OW,yChannels] as vec4
// bias [K] and residual [N,OH,OW,K] as vec4, see lib/epilogue
// A batched matrix product has a weight for each image, \`weightVectors\` vec4s apart; a convolution one for all, and 0 there.
// One invocation: PIXELS neighbouring pixels of one row × VEC vec4s of output channels, summed in registers.
// One workgroup: LX lanes side by side over the channels, so that weights are read contiguously, and LY lanes over
// groups of pixels. With LY = 1 every lane reads the same input value at the same time.
// use lib/conv_params.wgsl
// use lib/epilogue.wgsl

const PIXELS = 8u;
const VEC = 2u;
override LX = 8u;
override LY = 1u;

struct Params { conv: Conv, weightVectors: u32, @align(16) epilogue: Epilogue }

alias Value = vec4f;
alias Y = vec4f;
const VALUE_CHANNELS = 4u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read> residual: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> y: array<Y>;

@compute @workgroup_size(LX, LY)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) lane: vec3u) {
  let K4 = params.conv.K / 4u;
  let first_k4 = group.z * LX * VEC + lane.x;
  let first_ow = (group.x * LY + lane.y) * PIXELS;
  let n = group.y / params.conv.OH;
  let oh = group.y % params.conv.OH;

  // lanes beyond the last channel compute it again and write nothing
  var k4: array<u32, VEC>;
  for (var v = 0u; v < VEC; v++) { k4[v] = min(first_k4 + v * LX, K4 - 1u); }

  var sum: array<vec4f, PIXELS * VEC>;
  for (var r = 0u; r < params.conv.R; r++) {
    // coordinates before the image wrap around to huge numbers, so one comparison covers both sides
    let h = oh * params.conv.strideH + r * params.conv.dilationH - params.conv.padTop;
    if (h >= params.conv.H) { continue; }
    for (var s = 0u; s < params.conv.S; s++) {
      var pixel: array<u32, PIXELS>;
      var inside: array<bool, PIXELS>;
      for (var p = 0u; p < PIXELS; p++) {
        let column = (first_ow + p) * params.conv.strideW + s * params.conv.dilationW - params.conv.padLeft;
        inside[p] = column < params.conv.W;
        pixel[p] = ((n * params.conv.H + h) * params.conv.W + min(column, params.conv.W - 1u)) * params.conv.C;
      }
      let tap = n * params.weightVectors + (r * params.conv.S + s) * params.conv.C * K4;
      for (var c = 0u; c < params.conv.C; c++) {
        var weight: array<vec4f, VEC>;
        for (var v = 0u; v < VEC; v++) { weight[v] = vec4f(w[tap + c * K4 + k4[v]]); }
        for (var p = 0u; p < PIXELS; p++) {
          let value = select(0.0, f32(x[pixel[p] + c]), inside[p]);
          for (var v = 0u; v < VEC; v++) { sum[p * VEC + v] += value * weight[v]; }
        }
      }
    }
  }

  for (var v = 0u; v < VEC; v++) {
    if (first_k4 + v * LX >= K4) { continue; }
    for (var p = 0u; p < PIXELS; p++) {
      if (first_ow + p >= params.conv.OW) { continue; }
      finish(sum[p * VEC + v], group.y * params.conv.OW + first_ow + p, k4[v], K4);
    }
  }
}
`,
  'deinterleave': `// z[n,i+a,j+b,(2a+b)K+k] = y[n,2i+a,2j+b,k], zero where that is outside: the transpose of interleave
// y [N,H,W,K]   z [N,H/2+1,W/2+1,4K]   as vec4
// VECTOR: channels are a multiple of 4, so a vec4 lies in one pixel and indices count vec4s; else they count elements.
// One invocation: one vec4 of each phase of a pixel of z; without VECTOR, one vec4 of z.
// use lib/grid.wgsl

override VECTOR = 1u;

struct Params { vectors: u32, H: u32, W: u32, channels: u32 }

alias Y = vec4f;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> y: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> z: array<Y>;

// Where what phase 2a + b of pixel \`pixel\` of z holds begins in y; negative where it is nowhere.
fn source(pixel: u32, phase: u32) -> i32 {
  let columns = params.W / 2u + 1u;
  let rows = params.H / 2u + 1u;
  // coordinates before the image wrap around to huge numbers, so one comparison covers both sides
  let h = pixel / columns % rows * 2u - phase / 2u;
  let w = pixel % columns * 2u - phase % 2u;
  if (h >= params.H || w >= params.W) { return -1; }
  return i32(((pixel / columns / rows * params.H + h) * params.W + w) * params.channels);
}

fn element(at: u32) -> f32 {
  let origin = source(at / params.channels / 4u, at / params.channels % 4u);
  if (origin < 0) { return 0.0; }
  let i = u32(origin) + at % params.channels;
  return f32(y[i / 4u][i % 4u]);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.vectors) { return; }
  if (VECTOR == 1u) {
    let pixel = i / params.channels;
    let k = i % params.channels;
    for (var phase = 0u; phase < 4u; phase++) {
      let origin = source(pixel, phase);
      var value = vec4f(0.0);
      if (origin >= 0) { value = vec4f(y[u32(origin) + k]); }
      z[(pixel * 4u + phase) * params.channels + k] = Y(value);
    }
  } else {
    z[i] = Y(vec4f(element(4u * i), element(4u * i + 1u), element(4u * i + 2u), element(4u * i + 3u)));
  }
}
`,
  'interleave': `// y[n,2i+a,2j+b,k] = act(z[n,i+a,j+b,(2a+b)K+k] + bias[k])
// z [N,H/2+1,W/2+1,4K]   bias [K]: any buffer when HAS_BIAS is 0   y [N,H,W,K]   as vec4
// VECTOR: channels are a multiple of 4, so a vec4 lies in one pixel and indices count vec4s; else they count elements.
// One invocation: one vec4 of each pixel of a block of 2 × 2; without VECTOR, one vec4 of y.
// use lib/grid.wgsl
// use lib/block.wgsl
// use lib/activation.wgsl

override VECTOR = 1u;
override HAS_BIAS = 1u;

struct Params { vectors: u32, H: u32, W: u32, channels: u32, low: f32, high: f32 }

alias Value = vec4f;
alias Y = vec4f;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> z: array<vec4f>;
@group(0) @binding(2) var<storage, read> bias: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<Y>;

// Element \`at\` of y, before the activation.
fn element(at: u32) -> f32 {
  let k = at % params.channels;
  let w = at / params.channels % params.W;
  let row = at / params.channels / params.W;
  let h = row % params.H;
  let pixel = (row / params.H * (params.H / 2u + 1u) + (h + 1u) / 2u) * (params.W / 2u + 1u) + (w + 1u) / 2u;
  let origin = (pixel * 4u + h % 2u * 2u + w % 2u) * params.channels + k;
  let value = f32(z[origin / 4u][origin % 4u]);
  if (HAS_BIAS == 0u) { return value; }
  return value + f32(bias[k / 4u][k % 4u]);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.vectors) { return; }
  if (VECTOR == 1u) {
    let W = params.W / 2u;
    let k = i % params.channels;
    let pixel = i / params.channels;
    let row = pixel / W;
    // images of z have a row and a column more
    let z_pixel = (row + row / (params.H / 2u)) * (W + 1u) + pixel % W;
    let corner = block_corner(i, W, params.channels, 2u);
    var shift = vec4f(0.0);
    if (HAS_BIAS == 1u) { shift = vec4f(bias[k]); }
    for (var a = 0u; a < 2u; a++) {
      for (var b = 0u; b < 2u; b++) {
        let origin = ((z_pixel + a * (W + 1u) + b) * 4u + 2u * a + b) * params.channels + k;
        let value = activate(vec4f(z[origin]) + shift, params.low, params.high);
        y[corner + block_offset(a, b, W, params.channels, 2u)] = Y(value);
      }
    }
  } else {
    let value = vec4f(element(4u * i), element(4u * i + 1u), element(4u * i + 2u), element(4u * i + 3u));
    y[i] = Y(activate(value, params.low, params.high));
  }
}
`,
  'phase_weight': `// p[t,u,c,(2a+b)K+k] = Σ w[r,s,c,k] over the rows r that fall on pixel t for output a, and columns s on u for b:
// 0 | 1 2 for a = 0, 0 1 | 2 for a = 1
// w [3,3,C,K]   p [2,2,C,4K]
// One invocation: one pair of channels.
// use lib/grid.wgsl

struct Params { C: u32, K: u32 }

alias Y = f32;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read_write> p: array<Y>;

// The sums along one axis, in the order (a,t) = 00, 01, 10, 11.
fn sums(g: array<f32, 3>) -> array<f32, 4> {
  return array<f32, 4>(g[0], g[1] + g[2], g[0] + g[1], g[2]);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = workgroup_number(group, groups) * 64u + lane;
  let pairs = params.C * params.K;
  if (at >= pairs) { return; }
  let column = at / params.K * 4u * params.K + at % params.K;

  var rows: array<array<f32, 4>, 3>;
  for (var r = 0u; r < 3u; r++) {
    var taps: array<f32, 3>;
    for (var s = 0u; s < 3u; s++) { taps[s] = f32(w[(r * 3u + s) * pairs + at]); }
    rows[r] = sums(taps);
  }
  for (var j = 0u; j < 4u; j++) {
    let both = sums(array<f32, 3>(rows[0][j], rows[1][j], rows[2][j]));
    for (var i = 0u; i < 4u; i++) {
      let pixel = i % 2u * 2u + j % 2u;
      let phase = i / 2u * 2u + j / 2u;
      p[pixel * 4u * pairs + column + phase * params.K] = Y(both[i]);
    }
  }
}
`,
  'phase_weight_grad': `// dw[r,s,c,k] = Σ_{a,b} dp[t,u,c,(2a+b)K+k], t and u the pixels on which row r and column s fall for output (a,b): the transpose
// of phase_weight
// dp [2,2,C,4K]   dw [3,3,C,K]
// One invocation: one pair of channels.
// use lib/grid.wgsl

struct Params { C: u32, K: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dp: array<f32>;
@group(0) @binding(2) var<storage, read_write> dw: array<f32>;

// What the taps along one axis get from the sums (a,t) = 00, 01, 10, 11 that they are in.
fn taps(d: array<f32, 4>) -> array<f32, 3> {
  return array<f32, 3>(d[0] + d[2], d[1] + d[2], d[1] + d[3]);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = workgroup_number(group, groups) * 64u + lane;
  let pairs = params.C * params.K;
  if (at >= pairs) { return; }
  let column = at / params.K * 4u * params.K + at % params.K;

  var rows: array<array<f32, 3>, 4>;
  for (var i = 0u; i < 4u; i++) {
    var row: array<f32, 4>;
    for (var j = 0u; j < 4u; j++) {
      let pixel = i % 2u * 2u + j % 2u;
      let phase = i / 2u * 2u + j / 2u;
      row[j] = f32(dp[pixel * 4u * pairs + column + phase * params.K]);
    }
    rows[i] = taps(row);
  }
  for (var s = 0u; s < 3u; s++) {
    let both = taps(array<f32, 4>(rows[0][s], rows[1][s], rows[2][s], rows[3][s]));
    for (var r = 0u; r < 3u; r++) { dw[(r * 3u + s) * pairs + at] = both[r]; }
  }
}
`,
  'thin_sum': `// y[n,oh,ow,yStart+k] = act(residual[n,oh,ow,k] + residualScale · (bias[k] +
//     Σ_{r,s} z[n, oh·strideH + r·dilationH − padTop, ow·strideW + s·dilationW − padLeft, (r,s,k)]))
// z [N,H,W,columns], what each pixel adds by each tap: columns are R·S·K or a few more, taps R·S   y [N,OH,OW,yChannels]
// bias [K] and residual [N,OH,OW,K], see lib/epilogue
// One invocation: one output.
// use lib/grid.wgsl
// use lib/conv_params.wgsl
// use lib/epilogue.wgsl

struct Params { conv: Conv, taps: u32, columns: u32, @align(16) epilogue: Epilogue }

alias Value = f32;
alias Y = f32;
const VALUE_CHANNELS = 1u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> z: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read> residual: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<Y>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = workgroup_number(group, groups) * 64u + lane;
  if (at >= params.conv.N * params.conv.OH * params.conv.OW * params.conv.K) { return; }
  let k = at % params.conv.K;
  let ow = at / params.conv.K % params.conv.OW;
  let oh = at / (params.conv.K * params.conv.OW) % params.conv.OH;
  let n = at / (params.conv.K * params.conv.OW * params.conv.OH);

  var sum = 0.0;
  for (var tap = 0u; tap < params.taps; tap++) {
    // coordinates before the image wrap around to huge numbers, so one comparison covers both sides
    let h = oh * params.conv.strideH + tap / params.conv.S * params.conv.dilationH - params.conv.padTop;
    let v = ow * params.conv.strideW + tap % params.conv.S * params.conv.dilationW - params.conv.padLeft;
    if (h >= params.conv.H || v >= params.conv.W) { continue; }
    sum += z[((n * params.conv.H + h) * params.conv.W + v) * params.columns + tap * params.conv.K + k];
  }
  finish(sum, at / params.conv.K, k, params.conv.K);
}
`,
  'thin_weight': `// wide[c, (r,s,k)] = w[r,s,c,k], and zeros up to \`columns\`: the weight of a 1×1 convolution that computes what each tap adds
// w [R,S,C,K] with \`taps\` = R·S   wide [C,columns]
// One invocation: one element of wide.
// use lib/grid.wgsl

struct Params { taps: u32, C: u32, K: u32, columns: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read_write> wide: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = workgroup_number(group, groups) * 64u + lane;
  if (at >= params.C * params.columns) { return; }
  let column = at % params.columns;
  let tap = min(column / params.K, params.taps - 1u);
  let value = f32(w[(tap * params.C + at / params.columns) * params.K + column % params.K]);
  wide[at] = select(0.0, value, column < params.taps * params.K);
}
`,
  'binary': `// y = a ∘ b with numpy's broadcasting; OPERATION 0 is +, 1 −, 2 ·, 3 ÷
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
`,
  'clip': `// y = min(max(x, low), high), written as choices: min and max may drop a NaN, which must reach the loss to be seen
// x, y: any one shape, as vec4
// One invocation: one vec4 of y.
// use lib/grid.wgsl

struct Params { vectors: u32, low: f32, high: f32 }

alias Y = vec4f;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<Y>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.vectors) { return; }
  let value = vec4f(x[i]);
  let least = select(value, vec4f(params.low), value < vec4f(params.low));
  y[i] = Y(select(least, vec4f(params.high), least > vec4f(params.high)));
}
`,
  'clip_grad': `// dx = dy where low < y < high, else 0
// dy, y, dx: any one shape, as vec4
// One invocation: one vec4 of dx.
// use lib/grid.wgsl

struct Params { vectors: u32, low: f32, high: f32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read> y: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dx: array<vec4f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.vectors) { return; }
  let passed = (y[i] > vec4f(params.low)) & (y[i] < vec4f(params.high));
  dx[i] = select(vec4f(0.0), dy[i], passed);
}
`,
  'lab_to_srgb': `// y = sRGB of (L, a, b), level / 127.5 - 1; channels outside of sRGB are cut off
// L [pixels], L* / 50 - 1   ab [pixels, 2]   y [pixels, 3]
// One invocation: one pixel.
// use lib/grid.wgsl
// use lib/lab.wgsl

struct Params { pixels: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> L: array<f32>;
@group(0) @binding(2) var<storage, read> ab: array<vec2f>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.pixels) { return; }
  let light = clamp(linear_of(roots_of(L[i], ab[i])), vec3f(0.0), vec3f(1.0));
  let curved = 1.055 * pow(max(light, vec3f(LINEAR_BELOW)), vec3f(1.0 / 2.4)) - 0.055;
  let value = 2.0 * select(curved, 12.92 * light, light <= vec3f(LINEAR_BELOW)) - 1.0;
  y[3u * i] = value.r;
  y[3u * i + 1u] = value.g;
  y[3u * i + 2u] = value.b;
}
`,
  'lab_to_srgb_grad': `// dab = the gradient of lab_to_srgb.wgsl by a and b; channels that were cut off give none
// dy [pixels, 3]   L [pixels], L* / 50 - 1   ab, dab [pixels, 2]
// One invocation: one pixel.
// use lib/grid.wgsl
// use lib/lab.wgsl

struct Params { pixels: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> L: array<f32>;
@group(0) @binding(3) var<storage, read> ab: array<vec2f>;
@group(0) @binding(4) var<storage, read_write> dab: array<vec2f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.pixels) { return; }
  let roots = roots_of(L[i], ab[i]);
  let light = linear_of(roots);
  let curved = 1.055 / 2.4 * pow(max(light, vec3f(LINEAR_BELOW)), vec3f(1.0 / 2.4 - 1.0));
  let slope = 2.0 * select(curved, vec3f(12.92), light <= vec3f(LINEAR_BELOW));
  let inside = (light > vec3f(0.0)) & (light < vec3f(1.0));
  let dlight = select(vec3f(0.0), slope * vec3f(dy[3u * i], dy[3u * i + 1u], dy[3u * i + 2u]), inside);
  let dxyz = dlight * FROM_XYZ;
  let droots = dxyz * select(vec3f(116.0 / KAPPA), 3.0 * roots * roots, roots > vec3f(ROOT_FROM));
  dab[i] = vec2f(droots.x / 500.0, -droots.z / 200.0);
}
`,
  'leaky_relu': `// y = x where x > 0, else alpha · x
// x, y: any one shape, as vec4
// One invocation: one vec4 of y.
// use lib/grid.wgsl

struct Params { vectors: u32, alpha: f32 }

alias Y = vec4f;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<Y>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.vectors) { return; }
  let value = vec4f(x[i]);
  y[i] = Y(select(params.alpha * value, value, value > vec4f(0.0)));
}
`,
  'relu': `// y = max(x, 0), written as a choice: max may drop a NaN, which must reach the loss to be seen
// x, y: any one shape, as vec4
// One invocation: one vec4 of y.
// use lib/grid.wgsl

struct Params { vectors: u32 }

alias Y = vec4f;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<Y>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.vectors) { return; }
  let value = vec4f(x[i]);
  y[i] = Y(select(value, vec4f(0.0), value < vec4f(0.0)));
}
`,
  'relu_grad': `// dx = dy where y > 0, else 0: the output tells all that the gradient needs
// dy, y, dx: any one shape, as vec4
// One invocation: one vec4 of dx.
// use lib/grid.wgsl

struct Params { vectors: u32 }

alias Y = vec4f;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read> y: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dx: array<Y>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.vectors) { return; }
  dx[i] = Y(select(vec4f(0.0), vec4f(dy[i]), vec4f(y[i]) > vec4f(0.0)));
}
`,
  'scale': `// y = factor · x
// x, y: any one shape, as vec4
// One invocation: one vec4 of y.
// use lib/grid.wgsl

struct Params { vectors: u32, factor: f32 }

alias Y = vec4f;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<Y>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.vectors) { return; }
  y[i] = Y(params.factor * vec4f(x[i]));
}
`,
  'sigmoid': `// y = 1 / (1 + exp(−x)), by exp(−|x|) ≤ 1 so that nothing overflows
// x, y: any one shape, as vec4
// One invocation: one vec4 of y.
// use lib/grid.wgsl

struct Params { vectors: u32 }

alias Y = vec4f;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<Y>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.vectors) { return; }
  let value = vec4f(x[i]);
  let e = exp(-abs(value));
  y[i] = Y(select(e, vec4f(1.0), value > vec4f(0.0)) / (1.0 + e));
}
`,
  'softmax': `// y[row,j] = exp(x[row,j] − m) / Σ_j exp(x[row,j] − m) with m = max_j x[row,j], so that nothing overflows
// x, y [rows, length]
// One workgroup: one row. One invocation: every 64th element of it.
// use lib/grid.wgsl
// use lib/tree.wgsl

struct Params { rows: u32, length: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = workgroup_number(group, groups);
  if (row >= params.rows) { return; }
  let base = row * params.length;
  var largest = x[base];
  for (var j = lane; j < params.length; j += 64u) { largest = max(largest, x[base + j]); }
  largest = max_lanes(largest, lane, 1u);
  var sum = 0.0;
  for (var j = lane; j < params.length; j += 64u) { sum += exp(x[base + j] - largest); }
  sum = sum_lanes(sum, lane, 1u);
  for (var j = lane; j < params.length; j += 64u) { y[base + j] = exp(x[base + j] - largest) / sum; }
}
`,
  'softmax_grad': `// dx[row,j] = y[row,j] · Σ_i y[row,i]·(dy[row,j] − dy[row,i]) = y[row,j] · ((dy[row,j] − d)·Σ_i y[row,i] − Σ_i y[row,i]·(dy[row,i] − d))
// d is dy where the row's y is largest. Any d would give the same, but this one keeps the digits of a row whose largest y
// is almost 1: both terms are then small, instead of almost equal.
// dy, y, dx [rows, length]
// One workgroup: one row. One invocation: every 64th element of it.
// use lib/grid.wgsl
// use lib/tree.wgsl

struct Params { rows: u32, length: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> y: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = workgroup_number(group, groups);
  if (row >= params.rows) { return; }
  let base = row * params.length;
  var largest = y[base];
  for (var j = lane; j < params.length; j += 64u) { largest = max(largest, y[base + j]); }
  largest = max_lanes(largest, lane, 1u);
  // the last index with the largest y, as a float: the tree knows no other numbers
  var last = 0.0;
  for (var j = lane; j < params.length; j += 64u) {
    if (y[base + j] == largest) { last = f32(j); }
  }
  let d = dy[base + u32(max_lanes(last, lane, 1u))];
  var whole = 0.0;
  var sum = 0.0;
  for (var j = lane; j < params.length; j += 64u) {
    whole += y[base + j];
    sum += y[base + j] * (dy[base + j] - d);
  }
  whole = sum_lanes(whole, lane, 1u);
  sum = sum_lanes(sum, lane, 1u);
  for (var j = lane; j < params.length; j += 64u) { dx[base + j] = y[base + j] * ((dy[base + j] - d) * whole - sum); }
}
`,
  'tanh': `// y = tanh(x), to float32's own rounding for every x: WGSL's tanh may be off by 1e-5, and may overflow
// x, y: any one shape, as vec4
// One invocation: one vec4 of y.
// use lib/grid.wgsl

struct Params { vectors: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

// Near 0 a polynomial, where the quotient would cancel: tanh(x)/x = 1 + z·p(z), z = x², p fitted by least squares at
// the Chebyshev nodes of z ≤ 0.4, relative error 5e-9. Beyond |x| = 10 tanh is 1 in float32, and exp stays finite.
fn tanh4(x: vec4f) -> vec4f {
  let z = min(x * x, vec4f(0.4));
  let p = (((-0.00564746 * z + 0.02058865) * z - 0.05372457) * z + 0.13331264) * z - 0.33333275;
  let clamped = select(abs(x), vec4f(10.0), abs(x) > vec4f(10.0)); // not min, which may drop a NaN
  let magnitude = 1.0 - 2.0 / (exp(2.0 * clamped) + 1.0);
  return select(sign(x) * magnitude, x + x * z * p, x * x <= vec4f(0.4));
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.vectors) { return; }
  y[i] = tanh4(x[i]);
}
`,
  'tanh_grad': `// dx = dy · (1 − y²), from the output y = tanh(x)
// dy, y, dx: any one shape, as vec4
// One invocation: one vec4 of dx.
// use lib/grid.wgsl

struct Params { vectors: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read> y: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dx: array<vec4f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.vectors) { return; }
  dx[i] = dy[i] * (1.0 - y[i]) * (1.0 + y[i]);
}
`,
  'cell_means': `// y[n,oh,ow,c] = mean of x[n,h,v,c] over rows[oh] ≤ h < rows[oh + 1] and columns[ow] ≤ v < columns[ow + 1] inside the image;
// 0 for a cell without pixels
// x [N,H,W,C]   rows [OH + 1]   columns [OW + 1]   y [N,OH,OW,C]
// One invocation: one element of y. Each row is summed by itself, which rounds less.
// use lib/grid.wgsl

struct Params { elems: u32, H: u32, W: u32, C: u32, OH: u32, OW: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> rows: array<f32>;
@group(0) @binding(3) var<storage, read> columns: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

fn edge(at: f32, size: u32) -> u32 { return u32(clamp(at, 0.0, f32(size))); }

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.elems) { return; }
  let c = i % params.C;
  let ow = i / params.C % params.OW;
  let oh = i / params.C / params.OW % params.OH;
  let image = i / params.C / params.OW / params.OH * params.H;
  let top = edge(rows[oh], params.H);
  let bottom = edge(rows[oh + 1u], params.H);
  let left = edge(columns[ow], params.W);
  let right = edge(columns[ow + 1u], params.W);
  var sum = 0.0;
  for (var h = top; h < bottom; h++) {
    var line = 0.0;
    for (var v = left; v < right; v++) { line += x[((image + h) * params.W + v) * params.C + c]; }
    sum += line;
  }
  let isEmpty = bottom <= top || right <= left;
  y[i] = select(sum / f32((bottom - top) * (right - left)), 0.0, isEmpty);
}
`,
  'guided_apply': `// ab[n,h,v] = slope · L[n,h,v] + offset, both interpolated between the four cells around (rows[h], columns[v])
// line [N,CH,CW] of (slope of a, slope of b, offset of a, offset of b)   L [N,H,W]   rows [H]   columns [W]   ab [N,H,W,2]
// One invocation: one pixel.
// use lib/grid.wgsl
// use lib/resize.wgsl

struct Params { pixels: u32, H: u32, W: u32, CH: u32, CW: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> line: array<vec4f>;
@group(0) @binding(2) var<storage, read> L: array<f32>;
@group(0) @binding(3) var<storage, read> rows: array<f32>;
@group(0) @binding(4) var<storage, read> columns: array<f32>;
@group(0) @binding(5) var<storage, read_write> ab: array<vec2f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let pixel = workgroup_number(group, groups) * 64u + lane;
  if (pixel >= params.pixels) { return; }
  let row = pixel / params.W;
  let h = place(rows[row % params.H], params.CH);
  let v = place(columns[pixel % params.W], params.CW);
  let image = row / params.H * params.CH;
  let upper = (image + h.low) * params.CW;
  let lower = (image + h.high) * params.CW;
  let above = mix(line[upper + v.low], line[upper + v.high], v.share);
  let below = mix(line[lower + v.low], line[lower + v.high], v.share);
  let both = mix(above, below, h.share);
  ab[pixel] = both.xy * L[pixel] + both.zw;
}
`,
  'guided_fit': `// Colours as a linear function of lightness, by least squares over the window of cells around each cell:
//   slope = covariance(ab, L) / (variance(L) + epsilon)   and   offset = mean(ab) − slope · mean(L)
// The window reaches \`radius\` cells to each side, as far as they lie in the grid.
// ab [N,H,W,2]   L [N,H,W]   line [N,H,W] of (slope of a, slope of b, offset of a, offset of b)
// One invocation: one cell. Means come first, since E[L²] − E[L]² would cancel.
// use lib/grid.wgsl

struct Params { cells: u32, H: u32, W: u32, radius: u32, epsilon: f32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> ab: array<vec2f>;
@group(0) @binding(2) var<storage, read> L: array<f32>;
@group(0) @binding(3) var<storage, read_write> line: array<vec4f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let cell = workgroup_number(group, groups) * 64u + lane;
  if (cell >= params.cells) { return; }
  let column = cell % params.W;
  let row = cell / params.W % params.H;
  let image = cell / params.W / params.H * params.H;
  let top = max(row, params.radius) - params.radius;
  let bottom = min(row + params.radius + 1u, params.H);
  let left = max(column, params.radius) - params.radius;
  let right = min(column + params.radius + 1u, params.W);
  let count = f32((bottom - top) * (right - left));

  var meanL = 0.0;
  var mean = vec2f(0.0);
  for (var h = top; h < bottom; h++) {
    for (var v = left; v < right; v++) {
      let at = (image + h) * params.W + v;
      meanL += L[at];
      mean += ab[at];
    }
  }
  meanL /= count;
  mean /= count;

  var variance = 0.0;
  var covariance = vec2f(0.0);
  for (var h = top; h < bottom; h++) {
    for (var v = left; v < right; v++) {
      let at = (image + h) * params.W + v;
      let difference = L[at] - meanL;
      variance += difference * difference;
      covariance += difference * (ab[at] - mean);
    }
  }
  let slope = covariance / (variance + count * params.epsilon);
  line[cell] = vec4f(slope, mean - slope * meanL);
}
`,
  'joint_bilateral': `// y[n,h,v] = Σ weight(q) · ab[n,q] / Σ weight(q)  over the cells q around the place p = (rows[h], columns[v]), with
//   weight(q) = exp(−near · |p − q|² − like · (L[n,h,v] − guide[n,q])²)
// The cells reach \`radius\` to each side of the one that p is nearest to, as far as they lie in the grid; places outside are
// those of its border.
// ab [N,CH,CW,2]   guide [N,CH,CW]   L [N,H,W]   rows [H]   columns [W]   y [N,H,W,2]
// One invocation: one pixel. The largest weight is scaled to 1, so that not all of them become 0.
// use lib/grid.wgsl

struct Params { pixels: u32, H: u32, W: u32, CH: u32, CW: u32, radius: u32, near: f32, like: f32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> ab: array<vec2f>;
@group(0) @binding(2) var<storage, read> guide: array<f32>;
@group(0) @binding(3) var<storage, read> L: array<f32>;
@group(0) @binding(4) var<storage, read> rows: array<f32>;
@group(0) @binding(5) var<storage, read> columns: array<f32>;
@group(0) @binding(6) var<storage, read_write> y: array<vec2f>;

fn inside(at: f32, size: u32) -> f32 { return clamp(at, 0.0, f32(size - 1u)); }

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let pixel = workgroup_number(group, groups) * 64u + lane;
  if (pixel >= params.pixels) { return; }
  let image = pixel / params.W / params.H * params.CH;
  let p = vec2f(inside(rows[pixel / params.W % params.H], params.CH), inside(columns[pixel % params.W], params.CW));
  let row = u32(p.x + 0.5);
  let column = u32(p.y + 0.5);
  let top = max(row, params.radius) - params.radius;
  let bottom = min(row + params.radius + 1u, params.CH);
  let left = max(column, params.radius) - params.radius;
  let right = min(column + params.radius + 1u, params.CW);

  var largest = -3.0e38;
  for (var h = top; h < bottom; h++) {
    for (var v = left; v < right; v++) {
      let apart = p - vec2f(f32(h), f32(v));
      let unlike = L[pixel] - guide[(image + h) * params.CW + v];
      largest = max(largest, -params.near * dot(apart, apart) - params.like * unlike * unlike);
    }
  }
  var weights = 0.0;
  var sum = vec2f(0.0);
  for (var h = top; h < bottom; h++) {
    for (var v = left; v < right; v++) {
      let at = (image + h) * params.CW + v;
      let apart = p - vec2f(f32(h), f32(v));
      let unlike = L[pixel] - guide[at];
      let weight = exp(-params.near * dot(apart, apart) - params.like * unlike * unlike - largest);
      weights += weight;
      sum += weight * ab[at];
    }
  }
  y[pixel] = sum / weights;
}
`,
  'lib/activation': `// What a convolution does with its sums. ACTIVATION 0: nothing. 1: max(x, 0). 2: min(max(x, low), high). 3: x where x > 0,
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
`,
  'lib/block': `// Block of factor × factor pixels at the high resolution that stands over one pixel of a row of W at the low one.
// \`at\` counts elements (or vec4s) at the low resolution, \`channels\` those of a pixel; rows of all images count on.

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
`,
  'lib/conv2d_gemm': `// A convolution as a matrix product: rows are pixels of y, terms the channels of each tap, columns output channels.
// y[n,oh,ow,yStart+k] = act(residual[n,oh,ow,k] + residualScale · (bias[k] +
//     Σ_{r,s,c} x[n, oh·strideH + r·dilationH − padTop, ow·strideW + s·dilationW − padLeft, c] · w[r,s,c,k]))
// for K, yStart and yChannels multiples of 4 and one group.
// x [N,H,W,C]   w [R,S,C,K] as vec4 over K   y [N,OH,OW,yChannels] as vec4
// bias [K] and residual [N,OH,OW,K] as vec4, see lib/epilogue
// With several splits of \`termsPerSplit\` terms y is [splits,N,OH,OW,K], plain sums that \`sum_splits\` adds up.
// use lib/conv_params.wgsl
// use lib/epilogue.wgsl

struct Params { conv: Conv, termsPerSplit: u32, @align(16) epilogue: Epilogue }

alias Value = vec4f;
alias Y = vec4f;
const VALUE_CHANNELS = 4u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read> residual: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> y: array<Y>;

// The first tap of a pixel: its image, and coordinates that wrap around to huge numbers before the image.
struct Row { image: u32, h: u32, v: u32 }
struct Term { h: u32, v: u32, c: u32 }

var<private> first_y: u32;

fn begin(split: u32) { first_y = split * sizes(split).x; }

fn sizes(split: u32) -> vec2u { return vec2u(params.conv.N * params.conv.OH * params.conv.OW, params.conv.K / 4u); }

fn terms(split: u32) -> vec2u {
  let first = split * params.termsPerSplit;
  return vec2u(first, min(first + params.termsPerSplit, params.conv.R * params.conv.S * params.conv.C));
}

fn row_of(m: u32) -> Row {
  let oh = m / params.conv.OW % params.conv.OH;
  return Row(
    m / (params.conv.OW * params.conv.OH) * params.conv.H,
    oh * params.conv.strideH - params.conv.padTop,
    m % params.conv.OW * params.conv.strideW - params.conv.padLeft,
  );
}

fn term_of(l: u32) -> Term {
  let tap = l / params.conv.C;
  return Term(
    tap / params.conv.S * params.conv.dilationH,
    tap % params.conv.S * params.conv.dilationW,
    l % params.conv.C,
  );
}

fn left(row: Row, term: Term) -> f32 {
  let h = row.h + term.h;
  let v = row.v + term.v;
  if (h >= params.conv.H || v >= params.conv.W) { return 0.0; }
  return f32(x[((row.image + h) * params.conv.W + v) * params.conv.C + term.c]);
}

fn right(l: u32, k4: u32) -> vec4f { return vec4f(w[l * (params.conv.K / 4u) + k4]); }

fn put(m: u32, k4: u32, sum: vec4f) { finish(sum, first_y + m, k4, params.conv.K / 4u); }
`,
  'lib/conv2d_grad_input_gemm': `// The gradient of a convolution to its input as a matrix product: rows are pixels of dx at one phase of the strides, terms the
// channels of the taps that reach them, columns input channels.
// dx[n,h,v,c] = Σ_{r,s,k} dy[n,oh,ow,k] · wt[r,s,k,c] over the (r,oh), (s,ow) with
//   oh·strideH + r·dilationH − padTop = h   and   ow·strideW + s·dilationW − padLeft = v
// for C a multiple of 4, one group, and strides or dilations of 1.
// dy [N,OH,OW,K]   wt [R,S,K,C] (the weight transposed) as vec4 over C   dx [N,H,W,C] as vec4
// z counts splits of each phase. With several splits dx is [splits,N,H,W,C], plain sums that \`sum_splits\` adds up.
// use lib/conv_params.wgsl

struct Params { conv: Conv, splits: u32 }

alias Y = vec4f;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> wt: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dx: array<Y>;

struct Row { image: u32, h: u32, v: u32 }
// How far a tap's output lies before that of the phase's first one, its place in the kernel, and the channel.
struct Term { h: u32, v: u32, tap: u32, k: u32 }

// Along one axis: a phase, the first tap that reaches it, the taps that do, and the output that the first one comes from.
struct Axis { phase: u32, tap: u32, taps: u32, first: u32 }

var<private> down: Axis;
var<private> across: Axis;
var<private> first_image: u32;

fn begin(z: u32) {
  let phase = z / params.splits;
  down = axis(phase / params.conv.strideW, params.conv.R, params.conv.strideH, params.conv.padTop);
  across = axis(phase % params.conv.strideW, params.conv.S, params.conv.strideW, params.conv.padLeft);
  first_image = z % params.splits * params.conv.N;
}

fn axis(phase: u32, size: u32, stride: u32, pad: u32) -> Axis {
  let tap = (phase + pad) % stride;
  return Axis(phase, tap, select(0u, (size + stride - 1u - tap) / stride, size > tap), (phase + pad) / stride);
}

fn phase_rows() -> u32 { return (params.conv.H + params.conv.strideH - 1u) / params.conv.strideH; }
fn phase_columns() -> u32 { return (params.conv.W + params.conv.strideW - 1u) / params.conv.strideW; }

fn sizes(z: u32) -> vec2u { return vec2u(params.conv.N * phase_rows() * phase_columns(), params.conv.C / 4u); }

fn terms(z: u32) -> vec2u {
  let phase = z / params.splits;
  let taps = axis(phase / params.conv.strideW, params.conv.R, params.conv.strideH, params.conv.padTop).taps *
    axis(phase % params.conv.strideW, params.conv.S, params.conv.strideW, params.conv.padLeft).taps;
  let each = (taps * params.conv.K + params.splits - 1u) / params.splits;
  let first = z % params.splits * each;
  return vec2u(first, min(first + each, taps * params.conv.K));
}

fn row_of(m: u32) -> Row {
  let row = m / phase_columns();
  return Row(row / phase_rows() * params.conv.OH, row % phase_rows() + down.first, m % phase_columns() + across.first);
}

fn term_of(l: u32) -> Term {
  let i = l / params.conv.K;
  let r = i / across.taps;
  let s = i % across.taps;
  // of stride and dilation one is 1
  let tap = (down.tap + r * params.conv.strideH) * params.conv.S + across.tap + s * params.conv.strideW;
  return Term(r * params.conv.dilationH, s * params.conv.dilationW, tap, l % params.conv.K);
}

fn left(row: Row, term: Term) -> f32 {
  // coordinates before the first output wrap around to huge numbers
  let oh = row.h - term.h;
  let ow = row.v - term.v;
  if (oh >= params.conv.OH || ow >= params.conv.OW) { return 0.0; }
  return f32(dy[((row.image + oh) * params.conv.OW + ow) * params.conv.K + term.k]);
}

fn right(l: u32, c4: u32) -> vec4f {
  let term = term_of(l);
  return wt[(term.tap * params.conv.K + term.k) * (params.conv.C / 4u) + c4];
}

fn put(m: u32, c4: u32, sum: vec4f) {
  let row = m / phase_columns();
  let h = row % phase_rows() * params.conv.strideH + down.phase;
  let v = m % phase_columns() * params.conv.strideW + across.phase;
  // not all phases have as many pixels as the first
  if (h >= params.conv.H || v >= params.conv.W) { return; }
  let image = first_image + row / phase_rows();
  dx[((image * params.conv.H + h) * params.conv.W + v) * (params.conv.C / 4u) + c4] = Y(sum);
}
`,
  'lib/conv2d_grad_weight_gemm': `// The gradient of a convolution to its weight as a matrix product: rows are input channels of each tap, terms output pixels,
// columns output channels.
// dw[r,s,c,k] = Σ_{n,oh,ow} x[n, oh·strideH + r·dilationH − padTop, ow·strideW + s·dilationW − padLeft, c] · dy[n,oh,ow,k]
// for K a multiple of 4 and one group.
// x [N,H,W,C]   dy [N,OH,OW,K] as vec4 over K   dw [R,S,C,K] as vec4
// With several splits of \`termsPerSplit\` terms dw is [splits,R,S,C,K], to be added up.
// use lib/conv_params.wgsl

struct Params { conv: Conv, termsPerSplit: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dw: array<vec4f>;

// A tap's place in the kernel, moved by the padding: coordinates before the image wrap around to huge numbers.
struct Row { h: u32, v: u32, c: u32 }
struct Term { image: u32, h: u32, v: u32 }

var<private> first_dw: u32;

fn begin(split: u32) { first_dw = split * sizes(split).x; }

fn sizes(split: u32) -> vec2u { return vec2u(params.conv.R * params.conv.S * params.conv.C, params.conv.K / 4u); }

fn terms(split: u32) -> vec2u {
  let first = split * params.termsPerSplit;
  return vec2u(first, min(first + params.termsPerSplit, params.conv.N * params.conv.OH * params.conv.OW));
}

fn row_of(m: u32) -> Row {
  let tap = m / params.conv.C;
  return Row(
    tap / params.conv.S * params.conv.dilationH - params.conv.padTop,
    tap % params.conv.S * params.conv.dilationW - params.conv.padLeft,
    m % params.conv.C,
  );
}

fn term_of(l: u32) -> Term {
  let row = l / params.conv.OW;
  return Term(
    row / params.conv.OH * params.conv.H,
    row % params.conv.OH * params.conv.strideH,
    l % params.conv.OW * params.conv.strideW,
  );
}

fn left(row: Row, term: Term) -> f32 {
  let h = row.h + term.h;
  let v = row.v + term.v;
  if (h >= params.conv.H || v >= params.conv.W) { return 0.0; }
  return f32(x[((term.image + h) * params.conv.W + v) * params.conv.C + row.c]);
}

fn right(l: u32, k4: u32) -> vec4f { return vec4f(dy[l * (params.conv.K / 4u) + k4]); }

fn put(m: u32, k4: u32, sum: vec4f) { dw[(first_dw + m) * (params.conv.K / 4u) + k4] = sum; }
`,
  'lib/conv_params': `// The sizes of a convolution of x [N,H,W,C] with w [R,S,channelsPerGroup,K] to y [N,OH,OW,K]: \`ConvGeometry\` of
// src/kernels/conv/convGeometry.ts. Tap (r,s) of output (oh,ow) lies at pixel (h,v) of x, with
//   h = oh·strideH + r·dilationH − padTop   and   v = ow·strideW + s·dilationW − padLeft
// A structure inside a uniform block begins at a multiple of 16 bytes, and so does what follows it: these are 64 bytes.
struct Conv {
  N: u32, H: u32, W: u32, C: u32,
  OH: u32, OW: u32, K: u32,
  R: u32, S: u32,
  strideH: u32, strideW: u32, dilationH: u32, dilationW: u32, padTop: u32, padLeft: u32,
  channelsPerGroup: u32,
}
`,
  'lib/epilogue': `// What a convolution does with its sums:
//   y[pixel, yStart + k] = act(residual[pixel, k] + residualScale · (bias[k] + sum))
// bias [K]   residual [pixels, K]   y [pixels, yChannels]
// Without HAS_BIAS or HAS_RESIDUAL there is no bias, or no residual and no scale, and any buffer is bound in its place.
// The file that uses this declares the three bindings, has \`@align(16) epilogue: Epilogue\` in its Params, and says what it takes
// channels in, one at a time or four:
//   alias Value = f32;   const VALUE_CHANNELS = 1u;     or     alias Value = vec4f;   const VALUE_CHANNELS = 4u;
//   alias Y, a Value as y stores it
// use lib/activation.wgsl

override HAS_BIAS = 1u;
override HAS_RESIDUAL = 0u;

// The last member fills it up to 32 bytes: what follows a structure in a uniform block begins at a multiple of 16.
struct Epilogue { yStart: u32, yChannels: u32, residualScale: f32, low: f32, @size(16) high: f32 }

// \`k\` counts Values, of which a pixel has \`count\`.
fn finish(sum: Value, pixel: u32, k: u32, count: u32) {
  var value = sum;
  if (HAS_BIAS == 1u) { value += Value(bias[k]); }
  if (HAS_RESIDUAL == 1u) {
    value = Value(residual[pixel * count + k]) + params.epilogue.residualScale * value;
  }
  let at = (pixel * params.epilogue.yChannels + params.epilogue.yStart) / VALUE_CHANNELS + k;
  y[at] = Y(activate(value, params.epilogue.low, params.epilogue.high));
}
`,
  'lib/gemm': `// What the matrix products in blocks share: sum[m,n] = Σ_l left[m,l] · right[l,n], n in vec4s. Of both operands a tile of
// HEIGHT rows and of WIDTH vec4s lies in workgroup memory, DEPTH terms at a time, so that it is loaded once for all of the
// workgroup's LANES: by lanes side by side along the terms, or along the rows when TURNED is 1.
// The file that says what is multiplied has
//   fn begin(z: u32)                         first of all: which of several products, or which part of the sum
//   fn sizes(z: u32) -> vec2u                rows and vec4s of columns of the result
//   fn terms(z: u32) -> vec2u                the first term and the one behind the last
//   fn row_of(m: u32) -> Row, fn term_of(l: u32) -> Term, fn left(row: Row, term: Term) -> f32
//   fn right(l: u32, n4: u32) -> vec4f
//   fn put(m: u32, n4: u32, sum: vec4f)
// and the file that sums the products, gemm_blocked or gemm_matrix, the constants HEIGHT, WIDTH, DEPTH and LANES, and
//   fn keep_left(m: u32, term: u32, value: f32, isTerm: bool)    where a row's value is kept; isTerm: not beyond the last
//   fn keep_right(i: u32, value: vec4f)                          the same for vec4 i % WIDTH of term i / WIDTH

const TURNED = 0u;
const LOADS = DEPTH * HEIGHT / LANES;

struct Tile { first_m: u32, first_n4: u32, size: vec2u, terms: vec2u }

fn tile_of(group: vec3u) -> Tile {
  begin(group.z);
  return Tile(group.x * HEIGHT, group.y * WIDTH, sizes(group.z), terms(group.z));
}

// Row and term, counted in the tile, of the i-th value that lane \`index\` loads.
fn loaded_row(index: u32, i: u32) -> u32 {
  return select(index / DEPTH + i * (LANES / DEPTH), index % HEIGHT, TURNED == 1u);
}
fn loaded_term(index: u32, i: u32) -> u32 {
  return select(index % DEPTH, index / HEIGHT + i * (LANES / HEIGHT), TURNED == 1u);
}

// What is known of a row is worked out once. Rows, columns and terms beyond the last are loaded as the last.
fn loaded_rows(tile: Tile, index: u32) -> array<Row, LOADS> {
  var rows: array<Row, LOADS>;
  for (var i = 0u; i < LOADS; i++) { rows[i] = row_of(min(tile.first_m + loaded_row(index, i), tile.size.x - 1u)); }
  return rows;
}

// Loads this lane's share of the terms from \`first\` on.
fn load(tile: Tile, first: u32, index: u32, rows: ptr<function, array<Row, LOADS>>) {
  let last = tile.terms.y - 1u;
  for (var i = 0u; i < LOADS; i++) {
    let term = loaded_term(index, i);
    let value = left((*rows)[i], term_of(min(first + term, last)));
    keep_left(loaded_row(index, i), term, value, first + term <= last);
  }
  for (var i = index; i < DEPTH * WIDTH; i += LANES) {
    keep_right(i, right(min(first + i / WIDTH, last), min(tile.first_n4 + i % WIDTH, tile.size.y - 1u)));
  }
}
`,
  'lib/gemm_blocked': `// The matrix product of lib/gemm in registers.
// One workgroup: SIDE × SIDE lanes, a tile of SIDE·ROWS rows × SIDE·VEC vec4s. One invocation: ROWS rows × VEC vec4s that stand
// SIDE apart.
// use lib/gemm.wgsl

const ROWS = 8u;
const VEC = 2u;
const SIDE = 8u;
const DEPTH = 8u;
const LANES = SIDE * SIDE;
const HEIGHT = SIDE * ROWS;
const WIDTH = SIDE * VEC;
// one more than the rows: neighbours that write one below the other meet different banks
const PITCH = HEIGHT + 1u;

var<workgroup> rows: array<f32, DEPTH * PITCH>;
var<workgroup> columns: array<vec4f, DEPTH * WIDTH>;

fn keep_left(m: u32, term: u32, value: f32, isTerm: bool) { rows[term * PITCH + m] = value; }
fn keep_right(i: u32, value: vec4f) { columns[i] = value; }

fn product(group: vec3u, lane: vec2u) {
  let index = lane.y * SIDE + lane.x;
  let tile = tile_of(group);
  var loaded = loaded_rows(tile, index);

  var sum: array<vec4f, ROWS * VEC>;
  for (var first_l = tile.terms.x; first_l < tile.terms.y; first_l += DEPTH) {
    load(tile, first_l, index, &loaded);
    workgroupBarrier();
    // not a constant: some compilers would unroll the sum over the terms, too, and take seconds for it
    let end = min(DEPTH, tile.terms.y - first_l);
    for (var term = 0u; term < end; term++) {
      var column: array<vec4f, VEC>;
      for (var v = 0u; v < VEC; v++) { column[v] = columns[term * WIDTH + v * SIDE + lane.x]; }
      for (var p = 0u; p < ROWS; p++) {
        let value = rows[term * PITCH + p * SIDE + lane.y];
        for (var v = 0u; v < VEC; v++) { sum[p * VEC + v] += value * column[v]; }
      }
    }
    workgroupBarrier();
  }

  for (var p = 0u; p < ROWS; p++) {
    let m = tile.first_m + p * SIDE + lane.y;
    if (m >= tile.size.x) { continue; }
    for (var v = 0u; v < VEC; v++) {
      let n4 = tile.first_n4 + v * SIDE + lane.x;
      if (n4 < tile.size.y) { put(m, n4, sum[p * VEC + v]); }
    }
  }
}
`,
  'lib/gemm_matrix': `// The matrix product of lib/gemm by the subgroups' matrices (tensor cores): both operands are rounded to float16, the sums are
// float32. Beyond the last term the rows are 0.
// One workgroup: LANES lanes in subgroups of SUBGROUP, which stand in SUBGROUPS_Y rows. One subgroup: DOWN × ACROSS matrices of
// TILE_M × TILE_N sums.
// use lib/gemm.wgsl

enable f16;
enable subgroups;
enable chromium_experimental_subgroup_matrix;

const TILE_M = 16u;
const TILE_N = 16u;
const TILE_K = 16u;
const SUBGROUP = 32u;
const SUBGROUPS_Y = 2u;
const LANES = 128u;
const HEIGHT = 64u;
const WIDTH = 16u;
const DEPTH = 32u;
const SUBGROUPS = LANES / SUBGROUP;
const SUBGROUPS_X = SUBGROUPS / SUBGROUPS_Y;
const DOWN = HEIGHT / TILE_M / SUBGROUPS_Y;
const ACROSS = WIDTH * 4u / TILE_N / SUBGROUPS_X;
// some more than the terms and columns: rows begin in different banks, at multiples of 16 bytes
const ROW_PITCH = DEPTH + 8u;
const COLUMN_PITCH = WIDTH * 4u + 8u;

alias Left = subgroup_matrix_left<f16, TILE_K, TILE_M>;
alias Right = subgroup_matrix_right<f16, TILE_N, TILE_K>;
alias Sum = subgroup_matrix_result<f32, TILE_N, TILE_M>;

var<workgroup> rows: array<f16, HEIGHT * ROW_PITCH>;
var<workgroup> columns: array<f16, DEPTH * COLUMN_PITCH>;
var<workgroup> sums: array<f32, SUBGROUPS * TILE_M * TILE_N>;

fn keep_left(m: u32, term: u32, value: f32, isTerm: bool) {
  rows[m * ROW_PITCH + term] = select(0.0h, f16(value), isTerm);
}
fn keep_right(i: u32, value: vec4f) {
  let column = vec4h(value);
  let at = i / WIDTH * COLUMN_PITCH + i % WIDTH * 4u;
  for (var k = 0u; k < 4u; k++) { columns[at + k] = column[k]; }
}

fn product(group: vec3u, index: u32, subgroup: u32, lane: u32) {
  let tile = tile_of(group);
  var loaded = loaded_rows(tile, index);
  let down = subgroup / SUBGROUPS_X * DOWN * TILE_M;
  let across = subgroup % SUBGROUPS_X * ACROSS * TILE_N;

  var sum: array<Sum, DOWN * ACROSS>;
  for (var first_l = tile.terms.x; first_l < tile.terms.y; first_l += DEPTH) {
    load(tile, first_l, index, &loaded);
    workgroupBarrier();
    for (var term = 0u; term < DEPTH; term += TILE_K) {
      var matrix: array<Right, ACROSS>;
      for (var j = 0u; j < ACROSS; j++) {
        let at = term * COLUMN_PITCH + across + j * TILE_N;
        matrix[j] = subgroupMatrixLoad<Right, row_major>(&columns, at, COLUMN_PITCH);
      }
      for (var i = 0u; i < DOWN; i++) {
        let at = (down + i * TILE_M) * ROW_PITCH + term;
        let factor = subgroupMatrixLoad<Left, row_major>(&rows, at, ROW_PITCH);
        for (var j = 0u; j < ACROSS; j++) {
          sum[i * ACROSS + j] = subgroupMatrixMultiplyAccumulate(factor, matrix[j], sum[i * ACROSS + j]);
        }
      }
    }
    workgroupBarrier();
  }

  // the lanes of a subgroup cannot see which elements of a matrix they hold, so each goes through memory
  let own = subgroup * TILE_M * TILE_N;
  for (var i = 0u; i < DOWN * ACROSS; i++) {
    subgroupMatrixStore<row_major>(&sums, own, sum[i], TILE_N);
    workgroupBarrier();
    for (var at = lane * 4u; at < TILE_M * TILE_N; at += SUBGROUP * 4u) {
      let m = tile.first_m + down + i / ACROSS * TILE_M + at / TILE_N;
      let n4 = tile.first_n4 + (across + i % ACROSS * TILE_N + at % TILE_N) / 4u;
      let p = own + at;
      if (m < tile.size.x && n4 < tile.size.y) { put(m, n4, vec4f(sums[p], sums[p + 1u], sums[p + 2u], sums[p + 3u])); }
    }
    workgroupBarrier();
  }
}
`,
  'lib/grid': `// Undoes \`grid()\` of src/kernels/op.ts: the number of this workgroup where count workgroups were laid out in x and y.
fn workgroup_number(id: vec3u, count: vec3u) -> u32 {
  return id.y * count.x + id.x;
}
`,
  'lib/lab': `// CIE L*a*b* to linear sRGB, white point D65: the constants of src/kernels/elementwise/labToSrgb.ts.

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
`,
  'lib/pool_params': `// The sizes of a pool of x [N,H,W,C] to y [N,OH,OW,C], as \`geometry\` of src/kernels/pool/pool2d.ts has them. C counts in the
// units of lib/units.wgsl. Tap (r,s) of window (oh,ow) lies at pixel (h,v) of x, with
//   h = oh·strideH + r·dilationH − padTop   and   v = ow·strideW + s·dilationW − padLeft
// The last member fills it up to 64 bytes: what follows a structure in a uniform block begins at a multiple of 16.
struct Pool {
  H: u32, W: u32, C: u32, OH: u32, OW: u32, R: u32, S: u32,
  strideH: u32, strideW: u32, dilationH: u32, dilationW: u32, padTop: u32, padLeft: u32,
  paddedH: u32, @size(8) paddedW: u32, // with the padding on both sides
}
`,
  'lib/resize': `// What an output of a resize takes along one axis: element \`low\` only, or with LINEAR also \`share\` of element \`high\`.
override LINEAR = 0u;

struct Place { low: u32, high: u32, share: f32 }

// The place of position \`at\` on an axis of \`size\` elements; positions outside of it are those of its border.
fn place(at: f32, size: u32) -> Place {
  let inside = clamp(at, 0.0, f32(size - 1u));
  let low = u32(inside);
  return Place(low, min(low + 1u, size - 1u), select(0.0, inside - f32(low), LINEAR == 1u));
}

// How much of element i an output at position \`at\` takes.
fn share_of(i: u32, at: f32, size: u32) -> f32 {
  let taken = place(at, size);
  return select(0.0, 1.0 - taken.share, i == taken.low) + select(0.0, taken.share, i == taken.high);
}
`,
  'lib/rows': `// Reading [rows, C] as whole vec4s whatever C is. A super-row is as many rows as make a multiple of 4 elements: \`columns\`
// vec4s, and the vec4s of one column hold the same channels in every super-row. \`chunkRows\` in src/kernels/norm/chunks.ts
// chooses them; an invocation walks down one column of one chunk of super-rows, neighbours in neighbouring columns.

// The channels of a column's four elements.
fn channels_of(column: u32, C: u32) -> vec4u {
  return (column * 4u + vec4u(0u, 1u, 2u, 3u)) % C;
}

// First and end of the super-rows of \`chunk\` that have a vec4 in this column, of a tensor of \`vectors\` vec4s.
fn super_rows(chunk: u32, rows_per_chunk: u32, column: u32, columns: u32, vectors: u32) -> vec2u {
  let height = (max(vectors, column) - column + columns - 1u) / columns;
  return min(vec2u(chunk, chunk + 1u) * rows_per_chunk, vec2u(height));
}

// Which elements of vec4 \`at\` belong to a tensor of \`elems\`; what lies behind them in the last one is not specified.
fn inside(at: u32, elems: u32) -> vec4<bool> {
  return at * 4u + vec4u(0u, 1u, 2u, 3u) < vec4u(elems);
}
`,
  'lib/softmax_sums': `// The sums over the bins q of one pixel that its cross entropy is made of, by differences to its largest logit, so that nothing
// overflows or cancels:
//   largest = max_q z_q   exps = Σ_q exp(z_q − largest)   whole = Σ_q t_q   aligned = Σ_q t_q (z_q − largest)
// The file that uses this declares z and t [pixels, bins]; \`base\` is the pixel's first element.
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
`,
  'lib/strided': `// Where element \`at\` of a tensor of the given sizes lies in a tensor of the given strides (0 along axes that it repeats).
// The last AXES of the axes are in use; see src/kernels/movement/strided.ts.
const AXES = 6u;

fn strided(at: u32, size: array<u32, 6>, stride: array<u32, 6>) -> u32 {
  var rest = at;
  var origin = 0u;
  for (var axis = 5u; axis > 6u - AXES; axis--) {
    origin += rest % size[axis] * stride[axis];
    rest /= size[axis];
  }
  return origin + rest * stride[6u - AXES];
}
`,
  'lib/tree': `// sum_lanes: the sum of \`value\` over all of the 64 invocations whose lane is the same modulo \`width\` (a power of 2), added as a
// tree, so that the bits don't vary from run to run. All invocations must come here.
var<workgroup> tree: array<f32, 64>;

fn sum_lanes(value: f32, lane: u32, width: u32) -> f32 {
  workgroupBarrier();
  tree[lane] = value;
  for (var half = 32u; half >= width; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { tree[lane] += tree[lane + half]; }
  }
  workgroupBarrier();
  return tree[lane % width];
}

// The largest instead of the sum.
fn max_lanes(value: f32, lane: u32, width: u32) -> f32 {
  workgroupBarrier();
  tree[lane] = value;
  for (var half = 32u; half >= width; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { tree[lane] = max(tree[lane], tree[lane + half]); }
  }
  workgroupBarrier();
  return tree[lane % width];
}
`,
  'lib/units': `// What an index counts in a tensor that is bound as vec4s: whole vec4s, or with VECTOR = 0 single elements. An element is
// loaded as four equal numbers, so that the same code computes with either.
override VECTOR = 1u;

// The vec4 of the binding that holds unit \`at\`.
fn vector_of(at: u32) -> u32 { return select(at / 4u, at, VECTOR == 1u); }

// Unit \`at\` of that vec4.
fn unit_in(vector: vec4f, at: u32) -> vec4f {
  if (VECTOR == 1u) { return vector; }
  return vec4f(vector[at % 4u]);
}
`,
  'lib/winograd': `// Winograd's minimal filtering F(4,3) along one axis (Lavin and Gray 2016, "Fast algorithms for convolutional neural networks",
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
`,
  'cross_entropy': `// loss = Σ losses / pixels
// losses [pixels]   loss [1]
// One workgroup in all. One invocation: every 64th of the losses.
// use lib/tree.wgsl

struct Params { pixels: u32, bins: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> losses: array<f32>;
@group(0) @binding(2) var<storage, read_write> loss: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32) {
  var sum = 0.0;
  for (var i = lane; i < params.pixels; i += 64u) { sum += losses[i]; }
  let total = sum_lanes(sum, lane, 1u);
  if (lane == 0u) { loss[0] = total / f32(params.pixels); }
}
`,
  'cross_entropy_grad': `// dz[p,q] = dloss · weight[p] / pixels · (softmax(z[p])_q · Σ_r t[p,r] − t[p,q])
// dloss [1]   z, t, dz [pixels, bins]   weight [pixels]
// One invocation: one pixel.
// use lib/grid.wgsl
// use lib/softmax_sums.wgsl

struct Params { pixels: u32, bins: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dloss: array<f32>;
@group(0) @binding(2) var<storage, read> z: array<f32>;
@group(0) @binding(3) var<storage, read> t: array<f32>;
@group(0) @binding(4) var<storage, read> weight: array<f32>;
@group(0) @binding(5) var<storage, read_write> dz: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let pixel = workgroup_number(group, groups) * 64u + lane;
  if (pixel >= params.pixels) { return; }
  let base = pixel * params.bins;
  let sums = softmax_sums(base, params.bins);
  let factor = dloss[0] * weight[pixel] / f32(params.pixels);
  for (var q = 0u; q < params.bins; q++) {
    dz[base + q] = factor * (exp(z[base + q] - sums.largest) * sums.whole / sums.exps - t[base + q]);
  }
}
`,
  'cross_entropy_pixels': `// losses[p] = weight[p] (Σ_q t[p,q] (m + log Σ_q exp(z[p,q] − m)) − Σ_q t[p,q] z[p,q]) with m = max_q z[p,q]
// z, t [pixels, bins]   weight, losses [pixels]
// One invocation: one pixel.
// use lib/grid.wgsl
// use lib/softmax_sums.wgsl

struct Params { pixels: u32, bins: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> z: array<f32>;
@group(0) @binding(2) var<storage, read> t: array<f32>;
@group(0) @binding(3) var<storage, read> weight: array<f32>;
@group(0) @binding(4) var<storage, read_write> losses: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let pixel = workgroup_number(group, groups) * 64u + lane;
  if (pixel >= params.pixels) { return; }
  let sums = softmax_sums(pixel * params.bins, params.bins);
  losses[pixel] = weight[pixel] * (sums.whole * log(sums.exps) - sums.aligned);
}
`,
  'encode_bins': `// y[p,q] = (1 − |a_p − a_q| / step)⁺ (1 − |b_p − b_q| / step)⁺
// ab [pixels, 2]   centres [bins, 2]   y [pixels, bins]
// One invocation: one element of y.
// use lib/grid.wgsl

struct Params { elems: u32, bins: u32, step: f32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> ab: array<vec2f>;
@group(0) @binding(2) var<storage, read> centres: array<vec2f>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.elems) { return; }
  let distance = abs(ab[i / params.bins] - centres[i % params.bins]);
  let near = max(vec2f(0.0), 1.0 - distance / params.step);
  y[i] = near.x * near.y;
}
`,
  'mse': `// loss = Σ sums / elems
// sums [partials] as vec4   loss [1]
// One workgroup in all. One invocation: every 64th vec4 of sums.
// use lib/tree.wgsl

struct Params { partials: u32, elems: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> sums: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> loss: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32) {
  var sum = vec4f(0.0);
  for (var i = lane; i < params.partials; i += 64u) { sum += sums[i]; }
  let total = sum_lanes(dot(sum, vec4f(1.0)), lane, 1u);
  if (lane == 0u) { loss[0] = total / f32(params.elems); }
}
`,
  'mse_grad': `// dp = factor · dloss · (p − t), factor = 2 / number of elements
// dloss [1]   p, t, dp: any one shape, as vec4
// One invocation: one vec4 of dp.
// use lib/grid.wgsl

struct Params { vectors: u32, factor: f32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dloss: array<f32>;
@group(0) @binding(2) var<storage, read> p: array<vec4f>;
@group(0) @binding(3) var<storage, read> t: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> dp: array<vec4f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.vectors) { return; }
  dp[i] = params.factor * dloss[0] * (p[i] - t[i]);
}
`,
  'mse_partial': `// sums[chunk, column] = Σ (p − t)² over the super-rows of the chunk (see lib/rows.wgsl)
// p, t: any one shape, as vec4   sums [chunks, columns] as vec4
// One invocation: one vec4 of sums.
// use lib/grid.wgsl
// use lib/rows.wgsl

struct Params { partials: u32, elems: u32, columns: u32, rowsPerChunk: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> p: array<vec4f>;
@group(0) @binding(2) var<storage, read> t: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> sums: array<vec4f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let id = workgroup_number(group, groups) * 64u + lane;
  if (id >= params.partials) { return; }
  let column = id % params.columns;
  let vectors = (params.elems + 3u) / 4u;
  let rows = super_rows(id / params.columns, params.rowsPerChunk, column, params.columns, vectors);
  var sum = vec4f(0.0);
  for (var row = rows.x; row < rows.y; row++) {
    let at = row * params.columns + column;
    let d = select(vec4f(0.0), p[at] - t[at], inside(at, params.elems));
    sum += d * d;
  }
  sums[id] = sum;
}
`,
  'batched_product': `// y[b,m,n] = Σ_l a[b,m,l] · w[b,l,n] for N a multiple of 4
// a [B,M,L], or [B,L,M] when TURNED is 1   w [B,L,N] as vec4 over N   y [B,M,N] as vec4
// With several splits of \`termsPerSplit\` terms y is [splits,B,M,N], to be added up.
// One workgroup: a block of one y, see lib/gemm_blocked.
// use lib/gemm_blocked.wgsl

struct Params { batches: u32, M: u32, L: u32, N: u32, termsPerSplit: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;

alias Row = u32;
alias Term = u32;

var<private> batch: u32;
var<private> first_y: u32;

fn begin(z: u32) {
  batch = z % params.batches;
  first_y = z * params.M;
}

fn sizes(z: u32) -> vec2u { return vec2u(params.M, params.N / 4u); }

fn terms(z: u32) -> vec2u {
  let first = z / params.batches * params.termsPerSplit;
  return vec2u(first, min(first + params.termsPerSplit, params.L));
}

fn row_of(m: u32) -> Row { return batch * params.M * params.L + select(m * params.L, m, TURNED == 1u); }
fn term_of(l: u32) -> Term { return select(l, l * params.M, TURNED == 1u); }
fn left(row: Row, term: Term) -> f32 { return a[row + term]; }
fn right(l: u32, n4: u32) -> vec4f { return w[(batch * params.L + l) * (params.N / 4u) + n4]; }
fn put(m: u32, n4: u32, sum: vec4f) { y[(first_y + m) * (params.N / 4u) + n4] = sum; }

@compute @workgroup_size(SIDE, SIDE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) lane: vec3u) {
  product(group, lane.xy);
}
`,
  'matmul': `// y[batch,m,n] = bias[n] + Σ_k a[batch,m,k] · b[batch,k,n], batches broadcast as numpy does
// a [batches,M,K]   b [batches,K,N]   bias [N] (any buffer when HAS_BIAS is 0)   y [batches,M,N]
// size0…5: axes of y's batches, a0…5 and b0…5: distance of a's and b's matrices along them, 0 along those that they repeat
// One invocation: ROWS neighbouring rows × COLUMNS columns that stand LX apart, summed in registers.
// One workgroup: LX lanes side by side over the columns, so that b is read contiguously, and LY over groups of rows.
// use lib/grid.wgsl
// use lib/strided.wgsl

const ROWS = 8u;
const COLUMNS = 2u;
override LX = 8u;
override LY = 8u;
override HAS_BIAS = 1u;

struct Params {
  batches: u32, M: u32, K: u32, N: u32,
  size0: u32, size1: u32, size2: u32, size3: u32, size4: u32, size5: u32,
  a0: u32, a1: u32, a2: u32, a3: u32, a4: u32, a5: u32,
  b0: u32, b1: u32, b2: u32, b3: u32, b4: u32, b5: u32,
}

alias Y = f32;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<Y>;

@compute @workgroup_size(LX, LY)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) lane: vec3u,
) {
  let across = (params.N + LX * COLUMNS - 1u) / (LX * COLUMNS);
  let down = (params.M + LY * ROWS - 1u) / (LY * ROWS);
  let tile = workgroup_number(group, groups);
  let batch = tile / (across * down);
  if (batch >= params.batches) { return; }
  let first_n = tile % across * LX * COLUMNS + lane.x;
  let first_m = (tile / across % down * LY + lane.y) * ROWS;
  let size = array<u32, 6>(params.size0, params.size1, params.size2, params.size3, params.size4, params.size5);
  let a_step = array<u32, 6>(params.a0, params.a1, params.a2, params.a3, params.a4, params.a5);
  let b_step = array<u32, 6>(params.b0, params.b1, params.b2, params.b3, params.b4, params.b5);
  let a_matrix = strided(batch, size, a_step);
  let b_matrix = strided(batch, size, b_step);

  // lanes beyond the last row or column compute it again and write nothing
  var row: array<u32, ROWS>;
  for (var i = 0u; i < ROWS; i++) { row[i] = a_matrix + min(first_m + i, params.M - 1u) * params.K; }
  var column: array<u32, COLUMNS>;
  for (var j = 0u; j < COLUMNS; j++) { column[j] = min(first_n + j * LX, params.N - 1u); }

  var sum: array<f32, ROWS * COLUMNS>;
  for (var k = 0u; k < params.K; k++) {
    var right: array<f32, COLUMNS>;
    for (var j = 0u; j < COLUMNS; j++) { right[j] = f32(b[b_matrix + k * params.N + column[j]]); }
    for (var i = 0u; i < ROWS; i++) {
      let left = f32(a[row[i] + k]);
      for (var j = 0u; j < COLUMNS; j++) { sum[i * COLUMNS + j] += left * right[j]; }
    }
  }

  for (var i = 0u; i < ROWS; i++) {
    if (first_m + i >= params.M) { continue; }
    for (var j = 0u; j < COLUMNS; j++) {
      if (first_n + j * LX >= params.N) { continue; }
      var value = sum[i * COLUMNS + j];
      if (HAS_BIAS == 1u) { value += f32(bias[column[j]]); }
      y[(batch * params.M + first_m + i) * params.N + column[j]] = Y(value);
    }
  }
}
`,
  'sum_partials': `// y[i] = Σ_p x[p,i], added in the order of p so that the bits don't vary from run to run
// x [parts, vectors] as vec4   y [vectors] as vec4
// One invocation: one vec4 of y.
// use lib/grid.wgsl

struct Params { vectors: u32, parts: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.vectors) { return; }
  var sum = vec4f(0.0);
  for (var p = 0u; p < params.parts; p++) { sum += x[p * params.vectors + i]; }
  y[i] = sum;
}
`,
  'sum_splits': `// y[i,yStart+k] = act(residual[i,k] + residualScale · (bias[k] + Σ_p x[p,i,k])), added in the order of p so that the bits don't
// vary from run to run
// x [splits,rows,K] as vec4   y [rows,yChannels] as vec4
// bias [K] and residual [rows,K] as vec4, see lib/epilogue
// One invocation: one vec4 of y.
// use lib/grid.wgsl
// use lib/epilogue.wgsl

struct Params { rows: u32, K: u32, splits: u32, @align(16) epilogue: Epilogue }

alias Value = vec4f;
alias Y = vec4f;
const VALUE_CHANNELS = 4u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> bias: array<vec4f>;
@group(0) @binding(3) var<storage, read> residual: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> y: array<Y>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let K4 = params.K / 4u;
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.rows * K4) { return; }
  var sum = vec4f(0.0);
  for (var p = 0u; p < params.splits; p++) { sum += x[p * params.rows * K4 + i]; }
  finish(sum, i / K4, i % K4, K4);
}
`,
  'transpose_matrix': `// y[b,j,i] = x[b,i,j], or x[batch−1−b,i,j] when REVERSED is 1
// x [batch, rows, columns]   y [batch, columns, rows]
// One invocation: one element of y, in y's order, so that writes are contiguous.
// use lib/grid.wgsl

override REVERSED = 0u;

struct Params { batch: u32, rows: u32, columns: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = workgroup_number(group, groups) * 64u + lane;
  let size = params.rows * params.columns;
  if (at >= params.batch * size) { return; }
  let i = at % params.rows;
  let j = at / params.rows % params.columns;
  let b = select(at / size, params.batch - 1u - at / size, REVERSED == 1u);
  y[at] = f32(x[b * size + i * params.columns + j]);
}
`,
  'concat': `// y[outer, start + j] = x[outer, j] for j < run; the rest of y stays as it is
// x [outer, run]   y [outer, stride], stride ≥ start + run
// One invocation: one element of x. y is written by elements, since a vec4 of it may belong to two inputs.
// use lib/grid.wgsl

struct Params { elems: u32, run: u32, stride: u32, start: u32 }

alias Y = f32;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<Y>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = workgroup_number(group, groups) * 64u + lane;
  if (at >= params.elems) { return; }
  y[at / params.run * params.stride + params.start + at % params.run] = Y(x[at]);
}
`,
  'embed': `// y = 0, with x put into [start, start + size) along one axis: the transpose of slice.
// y[outer, j] = x[outer, j − start] for start ≤ j < start + run, else 0
// x [outer, run]   y [outer, stride]   as vec4
// VECTOR: all runs are multiples of 4 elements and counted in vec4s; else they are counted in elements.
// One invocation: one vec4 of y.
// use lib/grid.wgsl

override VECTOR = 1u;

struct Params { vectors: u32, run: u32, stride: u32, start: u32 }

alias Y = vec4f;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<Y>;

// Position in x's run; before the run it wraps around to a huge number, so one comparison covers both sides.
fn column(at: u32) -> u32 {
  return at % params.stride - params.start;
}

fn element(at: u32) -> f32 {
  let j = column(at);
  if (j >= params.run) { return 0.0; }
  let origin = at / params.stride * params.run + j;
  return f32(x[origin / 4u][origin % 4u]);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.vectors) { return; }
  if (VECTOR == 1u) {
    let j = column(i);
    if (j < params.run) { y[i] = Y(x[i / params.stride * params.run + j]); } else { y[i] = Y(); }
  } else {
    y[i] = Y(vec4f(element(4u * i), element(4u * i + 1u), element(4u * i + 2u), element(4u * i + 3u)));
  }
}
`,
  'pad': `// y = x with elements put before and behind it along each axis (or taken away, where \`before\` or its like is negative)
// x, y   size0…5: shape of y, x0…5: shape of x, before0…5: first index of x in y; unused axes, the first ones, have size 1
// MODE 0: all of them are \`value\`. 1: the nearest element of x. 2: x mirrored at its first and last. 3: x over again.
// One invocation: one element of y.
// use lib/grid.wgsl

override MODE = 0u;
const AXES = 6u;

struct Params {
  elems: u32,
  size0: u32, size1: u32, size2: u32, size3: u32, size4: u32, size5: u32,
  x0: i32, x1: i32, x2: i32, x3: i32, x4: i32, x5: i32,
  before0: i32, before1: i32, before2: i32, before3: i32, before4: i32, before5: i32,
  value: f32,
}

alias Y = f32;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<Y>;

// The index of x that stands at index i of an axis of length \`size\`; negative where there is none.
fn source(i: i32, size: i32) -> i32 {
  if (MODE == 0u) { return select(-1, i, i < size); }
  if (MODE == 1u) { return clamp(i, 0, size - 1); }
  let period = select(size, max(2 * (size - 1), 1), MODE == 2u);
  let phase = (i % period + period) % period;
  return select(phase, min(phase, period - phase), MODE == 2u);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = workgroup_number(group, groups) * 64u + lane;
  if (at >= params.elems) { return; }
  let size = array<u32, 6>(params.size0, params.size1, params.size2, params.size3, params.size4, params.size5);
  let length = array<i32, 6>(params.x0, params.x1, params.x2, params.x3, params.x4, params.x5);
  let before = array<i32, 6>(params.before0, params.before1, params.before2, params.before3, params.before4, params.before5);
  var rest = at;
  var origin = 0;
  var stride = 1;
  var inside = true;
  for (var axis = 5u; axis + AXES > 5u; axis--) {
    let i = source(i32(rest % size[axis]) - before[axis], length[axis]);
    inside = inside && i >= 0;
    origin += i * stride;
    stride *= length[axis];
    rest /= size[axis];
  }
  y[at] = Y(select(params.value, f32(x[select(0, origin, inside)]), inside));
}
`,
  'resize': `// y[n,oh,ow,c] = x[n,h,v,c] for position h = rows[oh] and v = columns[ow], cut to whole numbers inside the image; with LINEAR
// interpolated between the four pixels around the position
// x [N,H,W,C] as vec4   rows [OH]   columns [OW]   y [N,OH,OW,C] as vec4
// VECTOR: C is a multiple of 4 and counted in vec4s, as all indices; else they count elements.
// One invocation: one vec4 of y.
// use lib/grid.wgsl
// use lib/resize.wgsl
// use lib/units.wgsl

struct Params { vectors: u32, H: u32, W: u32, C: u32, OH: u32, OW: u32 }

alias Y = vec4f;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> rows: array<f32>;
@group(0) @binding(3) var<storage, read> columns: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<Y>;

fn load(at: u32) -> vec4f { return unit_in(vec4f(x[vector_of(at)]), at); }

fn resized(at: u32) -> vec4f {
  let c = at % params.C;
  let row = at / params.C / params.OW;
  let h = place(rows[row % params.OH], params.H);
  let v = place(columns[at / params.C % params.OW], params.W);
  let image = row / params.OH * params.H;
  let upper = (image + h.low) * params.W;
  if (LINEAR == 0u) { return load((upper + v.low) * params.C + c); }
  let lower = (image + h.high) * params.W;
  let above = mix(load((upper + v.low) * params.C + c), load((upper + v.high) * params.C + c), v.share);
  let below = mix(load((lower + v.low) * params.C + c), load((lower + v.high) * params.C + c), v.share);
  return mix(above, below, h.share);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.vectors) { return; }
  if (VECTOR == 1u) {
    y[i] = Y(resized(i));
  } else {
    let at = 4u * i;
    y[i] = Y(vec4f(resized(at).x, resized(at + 1u).x, resized(at + 2u).x, resized(at + 3u).x));
  }
}
`,
  'resize_grad': `// dx[n,h,v,c] = Σ dy[n,oh,ow,c] · (what output row oh takes of row h) · (what output column ow takes of column v)
// dy [N,OH,OW,C] as vec4   rows [OH]   columns [OW]   ranges [H + W], see resize_ranges   dx [N,H,W,C] as vec4
// VECTOR: C is a multiple of 4 and counted in vec4s, as all indices; else they count elements.
// One invocation: one vec4 of dx.
// use lib/grid.wgsl
// use lib/resize.wgsl
// use lib/units.wgsl

struct Params { vectors: u32, H: u32, W: u32, C: u32, OH: u32, OW: u32 }

alias Y = vec4f;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read> rows: array<f32>;
@group(0) @binding(3) var<storage, read> columns: array<f32>;
@group(0) @binding(4) var<storage, read> ranges: array<vec2u>;
@group(0) @binding(5) var<storage, read_write> dx: array<Y>;

fn load(at: u32) -> vec4f { return unit_in(vec4f(dy[vector_of(at)]), at); }

fn gathered(at: u32) -> vec4f {
  let c = at % params.C;
  let v = at / params.C % params.W;
  let row = at / params.C / params.W;
  let h = row % params.H;
  let image = row / params.H * params.OH;
  let down = ranges[h];
  let across = ranges[params.H + v];
  var sum = vec4f(0.0);
  for (var oh = down.x; oh < down.y; oh++) {
    let share = share_of(h, rows[oh], params.H);
    if (share == 0.0) { continue; }
    for (var ow = across.x; ow < across.y; ow++) {
      let both = share * share_of(v, columns[ow], params.W);
      sum += both * load(((image + oh) * params.OW + ow) * params.C + c);
    }
  }
  return sum;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.vectors) { return; }
  if (VECTOR == 1u) {
    dx[i] = Y(gathered(i));
  } else {
    let at = 4u * i;
    dx[i] = Y(vec4f(gathered(at).x, gathered(at + 1u).x, gathered(at + 2u).x, gathered(at + 3u).x));
  }
}
`,
  'resize_ranges': `// ranges[i] = [first, end) of the outputs of a resize that take a part of element i: of row i of the image for i < H, of
// column i − H for the others. Outputs between them may take none, which costs time only.
// rows [OH]   columns [OW]   ranges [H + W]
// One invocation: one range.
// use lib/grid.wgsl
// use lib/resize.wgsl

struct Params { H: u32, W: u32, OH: u32, OW: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> rows: array<f32>;
@group(0) @binding(2) var<storage, read> columns: array<f32>;
@group(0) @binding(3) var<storage, read_write> ranges: array<vec2u>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.H + params.W) { return; }
  var first = 0u;
  var end = 0u;
  let outputs = select(params.OW, params.OH, i < params.H);
  for (var o = 0u; o < outputs; o++) {
    var share: f32;
    if (i < params.H) { share = share_of(i, rows[o], params.H); } else { share = share_of(i - params.H, columns[o], params.W); }
    if (share == 0.0) { continue; }
    if (end == 0u) { first = o; }
    end = o + 1u;
  }
  ranges[i] = vec2u(first, end);
}
`,
  'slice': `// y = x cut along one axis to [start, start + size). What lies before the axis is \`outer\`, the rest is one run:
// y[outer, j] = x[outer, start + j], j < run
// x [outer, stride]   y [outer, run]   as vec4
// VECTOR: all runs are multiples of 4 elements and counted in vec4s; else they are counted in elements.
// One invocation: one vec4 of y.
// use lib/grid.wgsl

override VECTOR = 1u;

struct Params { vectors: u32, run: u32, stride: u32, start: u32 }

alias Y = vec4f;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<Y>;

fn source(at: u32) -> u32 {
  return at / params.run * params.stride + params.start + at % params.run;
}

fn element(at: u32) -> f32 {
  let origin = source(at);
  return f32(x[origin / 4u][origin % 4u]);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.vectors) { return; }
  if (VECTOR == 1u) {
    y[i] = Y(x[source(i)]);
  } else {
    y[i] = Y(vec4f(element(4u * i), element(4u * i + 1u), element(4u * i + 2u), element(4u * i + 3u)));
  }
}
`,
  'tile_concat': `// y[n,h,w,c] = x[n,h,w,c] for c < A, else v[n,0,0,c−A]
// x [N,H,W,A]   v [N,1,1,B]   y [N,H,W,A+B]   as vec4
// VECTOR: A and B are multiples of 4 and counted in vec4s; else all is counted in elements.
// One invocation: one vec4 of y.
// use lib/grid.wgsl

override VECTOR = 1u;

struct Params { vectors: u32, pixels: u32, A: u32, B: u32 }

alias Y = vec4f;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> v: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<Y>;

struct Source { tiled: bool, at: u32 }

// Where element (or vec4) \`at\` of y comes from; \`pixels\` is H·W.
fn source(at: u32) -> Source {
  let pixel = at / (params.A + params.B);
  let c = at % (params.A + params.B);
  if (c < params.A) { return Source(false, pixel * params.A + c); }
  return Source(true, pixel / params.pixels * params.B + c - params.A);
}

fn element(at: u32) -> f32 {
  let origin = source(at);
  if (origin.tiled) { return f32(v[origin.at / 4u][origin.at % 4u]); }
  return f32(x[origin.at / 4u][origin.at % 4u]);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.vectors) { return; }
  if (VECTOR == 1u) {
    let origin = source(i);
    if (origin.tiled) { y[i] = Y(v[origin.at]); } else { y[i] = Y(x[origin.at]); }
  } else {
    y[i] = Y(vec4f(element(4u * i), element(4u * i + 1u), element(4u * i + 2u), element(4u * i + 3u)));
  }
}
`,
  'transpose': `// y[i] = x[…], the axes of x in another order
// x, y as vec4   size0…5: shape of y, x0…5: strides of x in elements along y's axes
// VECTOR: the last axis stays the last and is a multiple of 4, so that vec4s are copied whole.
// One invocation: one vec4 of y.
// use lib/grid.wgsl
// use lib/strided.wgsl

override VECTOR = 1u;

struct Params {
  vectors: u32,
  size0: u32, size1: u32, size2: u32, size3: u32, size4: u32, size5: u32,
  x0: u32, x1: u32, x2: u32, x3: u32, x4: u32, x5: u32,
}

alias Y = vec4f;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<Y>;

fn source(at: u32) -> u32 {
  let size = array<u32, 6>(params.size0, params.size1, params.size2, params.size3, params.size4, params.size5);
  return strided(at, size, array<u32, 6>(params.x0, params.x1, params.x2, params.x3, params.x4, params.x5));
}

fn element(at: u32) -> f32 {
  let origin = source(at);
  return f32(x[origin / 4u][origin % 4u]);
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
    y[i] = Y(x[source(at) / 4u]);
  } else {
    y[i] = Y(vec4f(element(at), element(at + 1u), element(at + 2u), element(at + 3u)));
  }
}
`,
  'upsample': `// y[n,oh,ow,c] = x[n, ⌊oh/factor⌋, ⌊ow/factor⌋, c]: nearest neighbour
// x [N,H,W,C]   y [N,H·factor,W·factor,C]   as vec4
// VECTOR: channels are a multiple of 4, so a vec4 lies in one pixel and indices count vec4s; else they count elements.
// One invocation: one vec4 of x, written to its whole block; without VECTOR, one vec4 of y.
// use lib/grid.wgsl
// use lib/block.wgsl

override VECTOR = 1u;

struct Params { vectors: u32, W: u32, channels: u32, factor: u32 }

alias Y = vec4f;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<Y>;

// Element \`at\` of y.
fn element(at: u32) -> f32 {
  let pixel = at / params.channels;
  let ow = pixel % (params.W * params.factor);
  let row = pixel / (params.W * params.factor);
  let source = (row / params.factor * params.W + ow / params.factor) * params.channels + at % params.channels;
  return f32(x[source / 4u][source % 4u]);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.vectors) { return; }
  if (VECTOR == 1u) {
    let value = Y(x[i]);
    let corner = block_corner(i, params.W, params.channels, params.factor);
    for (var a = 0u; a < params.factor; a++) {
      for (var b = 0u; b < params.factor; b++) {
        y[corner + block_offset(a, b, params.W, params.channels, params.factor)] = value;
      }
    }
  } else {
    y[i] = Y(vec4f(element(4u * i), element(4u * i + 1u), element(4u * i + 2u), element(4u * i + 3u)));
  }
}
`,
  'upsample_grad': `// dx[n,h,w,c] = Σ_{a,b < factor} dy[n, h·factor + a, w·factor + b, c]
// dy [N,H·factor,W·factor,C]   dx [N,H,W,C]   as vec4
// VECTOR: channels are a multiple of 4, so a vec4 lies in one pixel and indices count vec4s; else they count elements.
// One invocation: one vec4 of dx.
// use lib/grid.wgsl
// use lib/block.wgsl

override VECTOR = 1u;

struct Params { vectors: u32, W: u32, channels: u32, factor: u32 }

alias Y = vec4f;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dx: array<Y>;

// Element \`at\` of dx.
fn element(at: u32) -> f32 {
  let corner = block_corner(at, params.W, params.channels, params.factor);
  var sum = 0.0;
  for (var a = 0u; a < params.factor; a++) {
    for (var b = 0u; b < params.factor; b++) {
      let origin = corner + block_offset(a, b, params.W, params.channels, params.factor);
      sum += f32(dy[origin / 4u][origin % 4u]);
    }
  }
  return sum;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.vectors) { return; }
  if (VECTOR == 1u) {
    let corner = block_corner(i, params.W, params.channels, params.factor);
    var sum = vec4f(0.0);
    for (var a = 0u; a < params.factor; a++) {
      for (var b = 0u; b < params.factor; b++) {
        sum += vec4f(dy[corner + block_offset(a, b, params.W, params.channels, params.factor)]);
      }
    }
    dx[i] = Y(sum);
  } else {
    dx[i] = Y(vec4f(element(4u * i), element(4u * i + 1u), element(4u * i + 2u), element(4u * i + 3u)));
  }
}
`,
  'add_rows': `// y[n,h,w,c] = act(x[n,h,w,c] + v[n,0,0,c])
// x [N,H,W,C]   v [N,1,1,C]   y [N,H,W,C]   as vec4
// VECTOR: channels are a multiple of 4, so a vec4 lies in one pixel and indices count vec4s; else they count elements.
// One invocation: one vec4 of y.
// use lib/grid.wgsl

override VECTOR = 1u;
override RELU = 0u;

struct Params { vectors: u32, pixels: u32, channels: u32 }

alias Y = vec4f;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> v: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<Y>;

// What element (or vec4) \`at\` of x has added; \`pixels\` is H·W.
fn source(at: u32) -> u32 {
  return at / (params.pixels * params.channels) * params.channels + at % params.channels;
}

fn element(at: u32) -> f32 {
  let origin = source(at);
  return f32(v[origin / 4u][origin % 4u]);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.vectors) { return; }
  var value = vec4f(x[i]);
  if (VECTOR == 1u) {
    value += vec4f(v[source(i)]);
  } else {
    value += vec4f(element(4u * i), element(4u * i + 1u), element(4u * i + 2u), element(4u * i + 3u));
  }
  // not max, which may drop a NaN
  if (RELU == 1u) { value = select(value, vec4f(0.0), value < vec4f(0.0)); }
  y[i] = Y(value);
}
`,
  'batch_norm': `// y[m,c] = (x[m,c] − mean[c]) · gamma[c] / √(var[c] + epsilon) + beta[c]
// x, y [M,C] as vec4   gamma, beta, mean, var [C]
// One invocation: one column of a few super-rows (see lib/rows.wgsl), so that the channels' values are fetched once.
// use lib/grid.wgsl
// use lib/rows.wgsl

struct Params { vectors: u32, columns: u32, rowsPerChunk: u32, channels: u32, epsilon: f32 }

alias Y = vec4f;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> gamma: array<f32>;
@group(0) @binding(3) var<storage, read> beta: array<f32>;
@group(0) @binding(4) var<storage, read> mean: array<f32>;
@group(0) @binding(5) var<storage, read> variance: array<f32>;
@group(0) @binding(6) var<storage, read_write> y: array<Y>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let id = workgroup_number(group, groups) * 64u + lane;
  let column = id % params.columns;
  let rows = super_rows(id / params.columns, params.rowsPerChunk, column, params.columns, params.vectors);
  let c = channels_of(column, params.channels);
  let average = vec4f(mean[c.x], mean[c.y], mean[c.z], mean[c.w]);
  let factor = vec4f(gamma[c.x], gamma[c.y], gamma[c.z], gamma[c.w]) / sqrt(vec4f(variance[c.x], variance[c.y], variance[c.z], variance[c.w]) + params.epsilon);
  let shift = vec4f(beta[c.x], beta[c.y], beta[c.z], beta[c.w]);
  for (var row = rows.x; row < rows.y; row++) {
    let at = row * params.columns + column;
    y[at] = Y((vec4f(x[at]) - average) * factor + shift);
  }
}
`,
  'batch_norm_grad': `// dx[m,c] = gamma[c]·r[c] · (dy[m,c] − dbeta[c]/M − x̂[m,c]·dgamma[c]/M), r = 1/√(var + epsilon), x̂ = (x − mean)·r
// dy, x, dx [M,C] as vec4   gamma, mean, var, dgamma, dbeta [C]
// One invocation: one column of a few super-rows (see lib/rows.wgsl), so that the channels' values are fetched once.
// use lib/grid.wgsl
// use lib/rows.wgsl

struct Params { vectors: u32, columns: u32, rowsPerChunk: u32, channels: u32, M: u32, epsilon: f32 }

alias Y = vec4f;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read> gamma: array<f32>;
@group(0) @binding(4) var<storage, read> mean: array<f32>;
@group(0) @binding(5) var<storage, read> variance: array<f32>;
@group(0) @binding(6) var<storage, read> dgamma: array<f32>;
@group(0) @binding(7) var<storage, read> dbeta: array<f32>;
@group(0) @binding(8) var<storage, read_write> dx: array<Y>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let id = workgroup_number(group, groups) * 64u + lane;
  let column = id % params.columns;
  let rows = super_rows(id / params.columns, params.rowsPerChunk, column, params.columns, params.vectors);
  let c = channels_of(column, params.channels);
  let average = vec4f(mean[c.x], mean[c.y], mean[c.z], mean[c.w]);
  let r = 1.0 / sqrt(vec4f(variance[c.x], variance[c.y], variance[c.z], variance[c.w]) + params.epsilon);
  let factor = vec4f(gamma[c.x], gamma[c.y], gamma[c.z], gamma[c.w]) * r;
  let slope = vec4f(dgamma[c.x], dgamma[c.y], dgamma[c.z], dgamma[c.w]) * r / f32(params.M);
  let offset = vec4f(dbeta[c.x], dbeta[c.y], dbeta[c.z], dbeta[c.w]) / f32(params.M);
  for (var row = rows.x; row < rows.y; row++) {
    let at = row * params.columns + column;
    dx[at] = Y(factor * (vec4f(dy[at]) - offset - (vec4f(x[at]) - average) * slope));
  }
}
`,
  'batch_norm_grad_partial': `// The sums of dy·x̂ and of dy over the super-rows of a chunk (see lib/rows.wgsl), x̂ = (x − mean) / √(var + epsilon)
// dy, x [M,C] as vec4   mean, var [C]   dgamma, dbeta [chunks, columns] as vec4
// One invocation: one vec4 of dgamma and of dbeta.
// use lib/grid.wgsl
// use lib/rows.wgsl

struct Params {
  partials: u32, elems: u32, columns: u32, rowsPerChunk: u32, channels: u32,
  epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read> mean: array<f32>;
@group(0) @binding(4) var<storage, read> variance: array<f32>;
@group(0) @binding(5) var<storage, read_write> dgamma: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> dbeta: array<vec4f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let id = workgroup_number(group, groups) * 64u + lane;
  if (id >= params.partials) { return; }
  let column = id % params.columns;
  let c = channels_of(column, params.channels);
  let vectors = (params.elems + 3u) / 4u;
  let rows = super_rows(id / params.columns, params.rowsPerChunk, column, params.columns, vectors);
  let average = vec4f(mean[c.x], mean[c.y], mean[c.z], mean[c.w]);
  var product = vec4f(0.0);
  var sum = vec4f(0.0);
  for (var row = rows.x; row < rows.y; row++) {
    let at = row * params.columns + column;
    let valid = inside(at, params.elems);
    let grad = select(vec4f(0.0), vec4f(dy[at]), valid);
    product += grad * select(vec4f(0.0), vec4f(x[at]) - average, valid);
    sum += grad;
  }
  dgamma[id] = product / sqrt(vec4f(variance[c.x], variance[c.y], variance[c.z], variance[c.w]) + params.epsilon);
  dbeta[id] = sum;
}
`,
  'batch_norm_partial': `// Mean and sum of squared deviations of each column over the super-rows of a chunk (see lib/rows.wgsl), by Welford's
// update (1962): mean ← mean + d/n, m2 ← m2 + d·(x − mean), with d = x − mean before the update.
// x [M,C] as vec4   mean, m2 [chunks, columns] as vec4
// One invocation: one vec4 of mean and of m2.
// use lib/grid.wgsl
// use lib/rows.wgsl

struct Params { partials: u32, elems: u32, columns: u32, rowsPerChunk: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> mean: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> m2: array<vec4f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let id = workgroup_number(group, groups) * 64u + lane;
  if (id >= params.partials) { return; }
  let column = id % params.columns;
  let vectors = (params.elems + 3u) / 4u;
  let rows = super_rows(id / params.columns, params.rowsPerChunk, column, params.columns, vectors);
  var average = vec4f(0.0);
  var deviation = vec4f(0.0);
  for (var row = rows.x; row < rows.y; row++) {
    let at = row * params.columns + column;
    let d = select(vec4f(0.0), vec4f(x[at]) - average, inside(at, params.elems));
    let step = d / f32(row - rows.x + 1u);
    average += step;
    deviation += d * (d - step);
  }
  mean[id] = average;
  m2[id] = deviation;
}
`,
  'batch_norm_statistics': `// Mean and biased variance of each channel from those of its chunks (Chan, Golub and LeVeque 1979, for all at once):
// mean = Σ_i n_i·mean_i / M   var = Σ_i (m2_i + n_i·(mean_i − mean)²) / M   n_i: rows of x in part i
// means, m2s [parts, C]: part i is row i % superRow of the super-rows of chunk i / superRow   mean, var [C]
// One workgroup: 8 neighbouring channels × 8 lanes over the parts. One invocation: every eighth part.
// use lib/grid.wgsl
// use lib/tree.wgsl

struct Params {
  M: u32, // rows of x
  parts: u32, channels: u32,
  superRow: u32, // rows of x in a super-row
  rowsPerChunk: u32, // super-rows
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> means: array<f32>;
@group(0) @binding(2) var<storage, read> m2s: array<f32>;
@group(0) @binding(3) var<storage, read_write> mean: array<f32>;
@group(0) @binding(4) var<storage, read_write> variance: array<f32>;

fn count(part: u32) -> f32 {
  let first = part / params.superRow * params.rowsPerChunk * params.superRow + part % params.superRow;
  let left = (max(params.M, first) - first + params.superRow - 1u) / params.superRow;
  return f32(min(left, params.rowsPerChunk));
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let block = workgroup_number(group, groups);
  let blocks = (params.channels + 7u) / 8u;
  if (block >= blocks) { return; }
  let c = block * 8u + lane % 8u;
  let parts = select(0u, params.parts, c < params.channels);
  // means are summed as distances from the first, so that a large mean does not cost the sum its last digits
  let first = means[min(c, params.channels - 1u)];
  var sum = 0.0;
  for (var i = lane / 8u; i < parts; i += 8u) { sum += count(i) * (means[i * params.channels + c] - first); }
  let average = first + sum_lanes(sum, lane, 8u) / f32(params.M);
  var deviation = 0.0;
  for (var i = lane / 8u; i < parts; i += 8u) {
    let d = means[i * params.channels + c] - average;
    deviation += m2s[i * params.channels + c] + count(i) * d * d;
  }
  deviation = sum_lanes(deviation, lane, 8u);
  if (lane < 8u && c < params.channels) {
    mean[c] = average;
    variance[c] = deviation / f32(params.M);
  }
}
`,
  'sum_rows': `// y[group, c] = Σ_row x[group, row, c]
// x [groups, rows, C]   y [groups, C]
// One workgroup: 8 neighbouring channels of one group × 8 lanes over the rows. One invocation: every eighth row.
// use lib/grid.wgsl
// use lib/tree.wgsl

struct Params { groups: u32, rows: u32, channels: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let block = workgroup_number(group, groups);
  let blocks = (params.channels + 7u) / 8u;
  if (block >= blocks * params.groups) { return; }
  let c = block % blocks * 8u + lane % 8u;
  let base = block / blocks * params.rows * params.channels + c;
  var sum = 0.0;
  if (c < params.channels) {
    for (var row = lane / 8u; row < params.rows; row += 8u) { sum += f32(x[base + row * params.channels]); }
  }
  sum = sum_lanes(sum, lane, 8u);
  if (lane < 8u && c < params.channels) { y[block / blocks * params.channels + c] = sum; }
}
`,
  'sum_rows_partial': `// sums[group, chunk, column] = Σ x[group, row, column] over the super-rows of the chunk (see lib/rows.wgsl)
// x [groups, rows, C] as vec4; with several groups rows·C is a multiple of 4
// sums [groups, chunks, columns] as vec4, which is [groups, rows of sums, C]
// One invocation: one vec4 of sums.
// use lib/grid.wgsl
// use lib/rows.wgsl

struct Params {
  partials: u32, // vec4s of sums
  elems: u32, // of one group
  columns: u32, rowsPerChunk: u32, chunks: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> sums: array<vec4f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let id = workgroup_number(group, groups) * 64u + lane;
  if (id >= params.partials) { return; }
  let column = id % params.columns;
  let chunk = id / params.columns;
  let vectors = (params.elems + 3u) / 4u;
  let base = chunk / params.chunks * vectors;
  let rows = super_rows(chunk % params.chunks, params.rowsPerChunk, column, params.columns, vectors);
  var sum = vec4f(0.0);
  for (var row = rows.x; row < rows.y; row++) {
    let at = row * params.columns + column;
    sum += select(vec4f(0.0), vec4f(x[base + at]), inside(at, params.elems));
  }
  sums[id] = sum;
}
`,
  'adam': `// m ← β1·m + (1 − β1)·g     v ← β2·v + (1 − β2)·g²     p ← (1 − d)·p − lr · (m / c1) / (√(v / c2) + ε)
// with the bias corrections c1 = 1 − β1ᵗ, c2 = 1 − β2ᵗ of step t (Kingma and Ba 2015, algorithm 1), and with what decays
// in the step, d = lr · decay (Loshchilov and Hutter 2019, "Decoupled weight decay regularization", algorithm 2).
// g, p, m, v: all parameters in one row, as vec4   hyper [4] = [lr, c1, c2, d]
// factor [1]: what g is multiplied by, where 0 leaves all as it is; any buffer when SCALED is 0
// One invocation: one vec4 of parameters.
// use lib/grid.wgsl

override SCALED = 0u;

struct Params {
  vectors: u32,
  beta1: f32, oneMinusBeta1: f32,
  beta2: f32, oneMinusBeta2: f32,
  epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> g: array<vec4f>;
@group(0) @binding(2) var<storage, read> hyper: array<vec4f>;
@group(0) @binding(3) var<storage, read> factor: array<f32>;
@group(0) @binding(4) var<storage, read_write> p: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> m: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> v: array<vec4f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.vectors) { return; }
  var grad = g[i];
  if (SCALED == 1u) {
    if (factor[0] == 0.0) { return; }
    grad *= factor[0];
  }
  let mean = params.beta1 * m[i] + params.oneMinusBeta1 * grad;
  let square = params.beta2 * v[i] + params.oneMinusBeta2 * grad * grad;
  let h = hyper[0];
  p[i] -= h.w * p[i] + h.x * (mean / h.y) / (sqrt(square / h.z) + params.epsilon);
  m[i] = mean;
  v[i] = square;
}
`,
  'lerp': `// state ← state + t · (value − state)
// value, state: any one shape, as vec4   t [1]
// One invocation: one vec4.
// use lib/grid.wgsl

struct Params { vectors: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> value: array<vec4f>;
@group(0) @binding(2) var<storage, read> t: array<f32>;
@group(0) @binding(3) var<storage, read_write> state: array<vec4f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.vectors) { return; }
  // with t = 1 exactly the value, also of a state that is not finite
  if (t[0] == 1.0) { state[i] = value[i]; } else { state[i] = mix(state[i], value[i], vec4f(t[0])); }
}
`,
  'loss_scaling': `// state = [s, steps since s changed, steps skipped, 0] → that after this step, and the factor of its gradients:
// 1 ⁄ s, or 0 when one of them is not finite, s > 1: then s is halved; it is doubled, up to \`most\`, after \`every\` good steps.
// bad [parts]: how many are not finite   state [1] as vec4   factor [1]
// One workgroup; one invocation sums every 64th part, the first one does the rest.
// use lib/tree.wgsl

struct Params { parts: u32, every: f32, most: f32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> bad: array<f32>;
@group(0) @binding(2) var<storage, read_write> state: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> factor: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32) {
  var sum = 0.0;
  for (var part = lane; part < params.parts; part += 64u) { sum += bad[part]; }
  sum = sum_lanes(sum, lane, 1u);
  if (lane > 0u) { return; }
  let old = state[0];
  if (sum > 0.0 && old.x > 1.0) {
    state[0] = vec4f(max(old.x / 2.0, 1.0), 0.0, old.z + 1.0, old.w);
    factor[0] = 0.0;
  } else {
    let grows = old.y + 1.0 >= params.every;
    state[0] = vec4f(select(old.x, min(old.x * 2.0, params.most), grows), select(old.y + 1.0, 0.0, grows), old.z, old.w);
    factor[0] = 1.0 / old.x;
  }
}
`,
  'loss_scaling_partial': `// bad[i] = how many of the gradients in the part i are infinite or no number
// Told by their bits, since WGSL leaves open what comparisons make of such values.
// g: all gradients in blocks of 64, as the bits of vec4s   used [blocks]: how many of a block's elements count   bad [parts]
// One workgroup: a part of 64 blocks, four at a time. One invocation: one vec4 of each fourth block.
// use lib/grid.wgsl
// use lib/tree.wgsl

struct Params { blocks: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> g: array<vec4u>;
@group(0) @binding(2) var<storage, read> used: array<f32>;
@group(0) @binding(3) var<storage, read_write> bad: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let part = workgroup_number(group, groups);
  let vector = lane % 16u;
  let element = vec4f(vec4u(0u, 1u, 2u, 3u) + 4u * vector);
  let end = min(part * 64u + 64u, params.blocks);
  var count = 0.0;
  for (var block = part * 64u + lane / 16u; block < end; block += 4u) {
    let isBad = (g[block * 16u + vector] & vec4u(0x7f800000u)) == vec4u(0x7f800000u);
    let ones = select(vec4f(0.0), vec4f(1.0), isBad & (element < vec4f(used[block])));
    count += dot(ones, vec4f(1.0));
  }
  count = sum_lanes(count, lane, 1u);
  if (lane == 0u && part * 64u < params.blocks) { bad[part] = count; }
}
`,
  'pool2d': `// y[n,oh,ow,c] = the largest, or with AVERAGE the mean, of x[n,h,v,c] over the window's taps (r,s) inside the image, with
//   h = oh·strideH + r·dilationH − padTop   and   v = ow·strideW + s·dilationW − padLeft
// COUNT_PAD: the mean's divisor counts the taps on the padding too. A window that sees no pixel has the mean 0 and the
// largest value −LARGEST.
// x [N,H,W,C]   y [N,OH,OW,yChannels], of which C from yStart on are written   as vec4
// VECTOR: C, yStart and yChannels are multiples of 4 and counted in vec4s, as all indices; else they count elements, and
// yChannels is C.
// One invocation: one vec4 of y.
// use lib/grid.wgsl
// use lib/pool_params.wgsl
// use lib/units.wgsl

override AVERAGE = 0u;
override COUNT_PAD = 0u;

const LARGEST = 3.40282346638528859812e38;

struct Params { pool: Pool, vectors: u32, yStart: u32, yChannels: u32 }

alias Y = vec4f;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<Y>;

fn load(at: u32) -> vec4f { return unit_in(vec4f(x[vector_of(at)]), at); }

fn pooled(at: u32) -> vec4f {
  let c = at % params.pool.C;
  let ow = at / params.pool.C % params.pool.OW;
  let row = at / params.pool.C / params.pool.OW;
  let image = row / params.pool.OH * params.pool.H;
  let oh = row % params.pool.OH;
  var result = vec4f(select(-LARGEST, 0.0, AVERAGE == 1u));
  var count = 0u;
  for (var r = 0u; r < params.pool.R; r++) {
    let down = oh * params.pool.strideH + r * params.pool.dilationH;
    if (down >= params.pool.paddedH) { continue; }
    for (var s = 0u; s < params.pool.S; s++) {
      let across = ow * params.pool.strideW + s * params.pool.dilationW;
      if (across >= params.pool.paddedW) { continue; }
      // coordinates before the image wrap around to huge numbers, so one comparison covers both sides
      let h = down - params.pool.padTop;
      let v = across - params.pool.padLeft;
      let inside = h < params.pool.H && v < params.pool.W;
      count += select(COUNT_PAD, 1u, inside);
      if (!inside) { continue; }
      let value = load(((image + h) * params.pool.W + v) * params.pool.C + c);
      if (AVERAGE == 1u) { result += value; } else { result = max(result, value); }
    }
  }
  if (AVERAGE == 1u) { result /= f32(max(count, 1u)); }
  return result;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.vectors) { return; }
  if (VECTOR == 1u) {
    y[i / params.pool.C * params.yChannels + params.yStart + i % params.pool.C] = Y(pooled(i));
  } else {
    let at = 4u * i;
    y[i] = Y(vec4f(pooled(at).x, pooled(at + 1u).x, pooled(at + 2u).x, pooled(at + 3u).x));
  }
}
`,
  'pool2d_grad': `// dx[n,h,v,c] = Σ over the windows (oh,ow) that see pixel (h,v), of
//   dy[n,oh,ow,c] if the pixel is the window's first, row by row, with x[n,h,v,c] = y[n,oh,ow,c], else 0;
//   with AVERAGE dy[n,oh,ow,c] ÷ the taps that the window's mean counts, with COUNT_PAD those on the padding too.
// Tap (r,s) of a window sees h = oh·strideH + r·dilationH − padTop and v = ow·strideW + s·dilationW − padLeft.
// dy, y [N,OH,OW,C]   x, dx [N,H,W,C]   as vec4; with AVERAGE x and y are not looked at
// VECTOR: C is a multiple of 4 and counted in vec4s, as all indices; else they count elements.
// One invocation: one vec4 of dx.
// use lib/grid.wgsl
// use lib/pool_params.wgsl
// use lib/units.wgsl

override AVERAGE = 0u;
override COUNT_PAD = 0u;

struct Params { pool: Pool, vectors: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read> y: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> dx: array<vec4f>;

fn load_dy(at: u32) -> vec4f { return unit_in(dy[vector_of(at)], at); }
fn load_x(at: u32) -> vec4f { return unit_in(x[vector_of(at)], at); }
fn load_y(at: u32) -> vec4f { return unit_in(y[vector_of(at)], at); }

// First and end of the windows that may see the padded coordinate \`at\`; those whose taps step over it are among them.
fn windows(at: u32, kernel: u32, stride: u32, dilation: u32, count: u32) -> vec2u {
  let reach = (kernel - 1u) * dilation;
  return vec2u((max(at, reach) - reach + stride - 1u) / stride, min(at / stride + 1u, count));
}

// Taps of a window starting at the padded coordinate \`start\` that lie in [low, high); some do.
fn taps(start: u32, kernel: u32, dilation: u32, low: u32, high: u32) -> u32 {
  return min((high - start + dilation - 1u) / dilation, kernel) - (max(low, start) - start + dilation - 1u) / dilation;
}

fn divisor(down: u32, across: u32) -> f32 {
  let low = select(vec2u(params.pool.padTop, params.pool.padLeft), vec2u(0u), COUNT_PAD == 1u);
  let image = vec2u(params.pool.padTop + params.pool.H, params.pool.padLeft + params.pool.W);
  let high = select(image, vec2u(params.pool.paddedH, params.pool.paddedW), COUNT_PAD == 1u);
  return f32(taps(down, params.pool.R, params.pool.dilationH, low.x, high.x) * taps(across, params.pool.S, params.pool.dilationW, low.y, high.y));
}

// Where one of the first \`count\` taps of the window at (down, across) sees the value.
fn earlier(value: vec4f, count: u32, down: u32, across: u32, image: u32, c: u32) -> vec4<bool> {
  var found = vec4<bool>(false);
  for (var tap = 0u; tap < count; tap++) {
    // coordinates before the image wrap around to huge numbers, so one comparison covers both sides
    let h = down + tap / params.pool.S * params.pool.dilationH - params.pool.padTop;
    let v = across + tap % params.pool.S * params.pool.dilationW - params.pool.padLeft;
    if (h >= params.pool.H || v >= params.pool.W) { continue; }
    found |= load_x(((image + h) * params.pool.W + v) * params.pool.C + c) == value;
  }
  return found;
}

fn gathered(at: u32) -> vec4f {
  let c = at % params.pool.C;
  let row = at / params.pool.C / params.pool.W;
  let image = row / params.pool.H;
  let h = row % params.pool.H + params.pool.padTop;
  let v = at / params.pool.C % params.pool.W + params.pool.padLeft;
  let vertical = windows(h, params.pool.R, params.pool.strideH, params.pool.dilationH, params.pool.OH);
  let horizontal = windows(v, params.pool.S, params.pool.strideW, params.pool.dilationW, params.pool.OW);
  var sum = vec4f(0.0);
  for (var oh = vertical.x; oh < vertical.y; oh++) {
    let down = oh * params.pool.strideH;
    if ((h - down) % params.pool.dilationH != 0u) { continue; }
    for (var ow = horizontal.x; ow < horizontal.y; ow++) {
      let across = ow * params.pool.strideW;
      if ((v - across) % params.pool.dilationW != 0u) { continue; }
      let window = ((image * params.pool.OH + oh) * params.pool.OW + ow) * params.pool.C + c;
      if (AVERAGE == 1u) {
        sum += load_dy(window) / divisor(down, across);
        continue;
      }
      let value = load_x(at);
      let largest = value == load_y(window);
      if (!any(largest)) { continue; }
      let tap = (h - down) / params.pool.dilationH * params.pool.S + (v - across) / params.pool.dilationW;
      let first = largest & !earlier(value, tap, down, across, image * params.pool.H, c);
      sum += select(vec4f(0.0), load_dy(window), first);
    }
  }
  return sum;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.vectors) { return; }
  if (VECTOR == 1u) {
    dx[i] = gathered(i);
  } else {
    let at = 4u * i;
    dx[i] = vec4f(gathered(at).x, gathered(at + 1u).x, gathered(at + 2u).x, gathered(at + 3u).x);
  }
}
`,
  'reduce': `// y[outer, split, c] = factor · Σ x[outer, row, c], or the largest of them with MAX, over the rows of the split:
// row split·rowsPerSplit and the rowsPerSplit − 1 after it
// x [outer, rows, inner]   y [outer, splits, inner]
// One workgroup: LANES (a power of 2) neighbouring c of one split × 64 / LANES lanes over its rows.
// use lib/grid.wgsl
// use lib/tree.wgsl

override LANES = 16u;
override MAX = 0u;

struct Params { outer: u32, rows: u32, inner: u32, splits: u32, rowsPerSplit: u32, factor: f32 }

alias Y = f32;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<Y>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let block = workgroup_number(group, groups);
  let blocks = (params.inner + LANES - 1u) / LANES;
  let place = block / blocks;
  if (place >= params.outer * params.splits) { return; }
  // lanes beyond the last c compute it again and write nothing
  let c = block % blocks * LANES + lane % LANES;
  let column = min(c, params.inner - 1u);
  let first = place % params.splits * params.rowsPerSplit;
  let end = min(first + params.rowsPerSplit, params.rows);
  let base = place / params.splits * params.rows * params.inner + column;
  var result = 0.0;
  if (MAX == 1u) {
    result = f32(x[base + first * params.inner]);
    for (var row = first + lane / LANES; row < end; row += 64u / LANES) {
      result = max(result, f32(x[base + row * params.inner]));
    }
    result = max_lanes(result, lane, LANES);
  } else {
    for (var row = first + lane / LANES; row < end; row += 64u / LANES) { result += f32(x[base + row * params.inner]); }
    result = sum_lanes(result, lane, LANES) * params.factor;
  }
  if (lane < LANES && c < params.inner) { y[place * params.inner + c] = Y(result); }
}
`,
  'affinities': `// How much neighbours r and s of an image want to have the same colour:
//   k(r,s) = max(least, exp(−(L_r − L_s)² / (share · (variance_r + variance_s) + 2 · noise)))
// weights[r] = k to the pixels right, below left, below, below right of r; 0 where there is none
// diagonal[r] = strength + Σ k to all eight neighbours; 0 for a pixel that is not free (free ≤ 0)
// L, free, variance, diagonal [N,H,W]   weights [N,H,W] of vec4
// One invocation: one pixel.
// use lib/grid.wgsl

struct Params { pixels: u32, H: u32, W: u32, share: f32, noise: f32, least: f32, strength: f32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> L: array<f32>;
@group(0) @binding(2) var<storage, read> free: array<f32>;
@group(0) @binding(3) var<storage, read> variance: array<f32>;
@group(0) @binding(4) var<storage, read_write> weights: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> diagonal: array<f32>;

fn affinity(r: u32, s: u32) -> f32 {
  let difference = L[r] - L[s];
  let spread = params.share * (variance[r] + variance[s]) + 2.0 * params.noise;
  return max(params.least, exp(-difference * difference / spread));
}

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
  var ahead = vec4f(0.0);
  var behind = vec4f(0.0);
  if (right) { ahead.x = affinity(r, r + 1u); }
  if (left) { behind.x = affinity(r, r - 1u); }
  if (row + 1u < params.H) {
    let below = r + params.W;
    if (left) { ahead.y = affinity(r, below - 1u); }
    ahead.z = affinity(r, below);
    if (right) { ahead.w = affinity(r, below + 1u); }
  }
  if (row > 0u) {
    let above = r - params.W;
    if (left) { behind.y = affinity(r, above - 1u); }
    behind.z = affinity(r, above);
    if (right) { behind.w = affinity(r, above + 1u); }
  }
  weights[r] = ahead;
  let sum = dot(ahead, vec4f(1.0)) + dot(behind, vec4f(1.0));
  diagonal[r] = select(0.0, params.strength + sum, free[r] > 0.0);
}
`,
  'bilateral': `// y[n,p] = Σ weight(q) · ab[n,q] / Σ weight(q)  over the cells q that are 0, ±step, ±2 step … rows and columns
// from p, at most \`radius\`, with
//   weight(q) = exp(−near · |p − q|² − like · (L[n,p] − L[n,q])² − akin · |ab[n,p] − ab[n,q]|²)
// ab [N,H,W,2]   L [N,H,W]   y [N,H,W,2]
// One invocation: one cell. The weight of p itself is 1, so that the sum is never 0.
// use lib/grid.wgsl

struct Params { cells: u32, H: u32, W: u32, radius: u32, step: u32, near: f32, like: f32, akin: f32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> ab: array<vec2f>;
@group(0) @binding(2) var<storage, read> L: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<vec2f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let cell = workgroup_number(group, groups) * 64u + lane;
  if (cell >= params.cells) { return; }
  let first = cell / (params.H * params.W) * params.H * params.W;
  let row = (cell - first) / params.W;
  let column = (cell - first) % params.W;
  let top = row - min(row, params.radius) / params.step * params.step;
  let bottom = min(row + params.radius + 1u, params.H);
  let left = column - min(column, params.radius) / params.step * params.step;
  let right = min(column + params.radius + 1u, params.W);
  let own = ab[cell];
  let lightness = L[cell];
  var weights = 0.0;
  var sum = vec2f(0.0);
  for (var h = top; h < bottom; h += params.step) {
    for (var v = left; v < right; v += params.step) {
      let at = first + h * params.W + v;
      let apart = vec2f(f32(row) - f32(h), f32(column) - f32(v));
      let colour = ab[at];
      let unlike = lightness - L[at];
      let other = own - colour;
      let exponent = params.near * dot(apart, apart) + params.like * unlike * unlike + params.akin * dot(other, other);
      let weight = exp(-exponent);
      weights += weight;
      sum += weight * colour;
    }
  }
  y[cell] = sum / weights;
}
`,
  'gradient_dot': `// partial[g] = Σ p · Ap over the pixels of workgroup g, for a and b apart
// p, Ap [pixels, 2]   partial [workgroups, 2]
// One workgroup: 64 lanes × PIXELS pixels, added in a fixed order.
// use lib/grid.wgsl
// use lib/tree.wgsl

const PIXELS = 16u;

struct Params { pixels: u32, parts: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> p: array<vec2f>;
@group(0) @binding(2) var<storage, read> Ap: array<vec2f>;
@group(0) @binding(3) var<storage, read_write> partial: array<vec2f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let part = workgroup_number(group, groups);
  if (part >= params.parts) { return; }
  var sum = vec2f(0.0);
  for (var k = 0u; k < PIXELS; k++) {
    let i = (part * PIXELS + k) * 64u + lane;
    if (i < params.pixels) { sum += p[i] * Ap[i]; }
  }
  let a = sum_lanes(sum.x, lane, 1u);
  let b = sum_lanes(sum.y, lane, 1u);
  if (lane == 0u) { partial[part] = vec2f(a, b); }
}
`,
  'gradient_factor': `// total = Σ partial, for a and b apart, and from it the factor of a step:
//   DIRECTION 0: factor = rz / total, how far the step goes;   1: factor = total / rz, what stays of the direction, and rz = total
// A factor whose divisor is not above 0 is 0: before the first step, and when the solution is exact.
// partial [parts, 2]   rz [2]   factor [2]
// One workgroup in all.
// use lib/tree.wgsl

override DIRECTION = 0u;

struct Params { parts: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partial: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> rz: array<vec2f>;
@group(0) @binding(3) var<storage, read_write> factor: array<vec2f>;

fn ratio(x: vec2f, y: vec2f) -> vec2f {
  let positive = y > vec2f(0.0);
  return select(vec2f(0.0), x / select(vec2f(1.0), y, positive), positive);
}

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32) {
  var sum = vec2f(0.0);
  for (var i = lane; i < params.parts; i += 64u) { sum += partial[i]; }
  let total = vec2f(sum_lanes(sum.x, lane, 1u), sum_lanes(sum.y, lane, 1u));
  if (lane != 0u) { return; }
  if (DIRECTION == 0u) {
    factor[0] = ratio(rz[0], total);
  } else {
    factor[0] = ratio(total, rz[0]);
    rz[0] = total;
  }
}
`,
  'gradient_move': `// x += factor · p   r −= factor · Ap   partial[g] = Σ r · r / diagonal over the pixels of workgroup g, for a and b apart
// Pixels whose diagonal is not above 0 are fixed: they add nothing to the sum.
// p, Ap, x, r [pixels, 2]   diagonal [pixels]   factor [2]   partial [workgroups, 2]
// One workgroup: 64 lanes × PIXELS pixels, added in a fixed order.
// use lib/grid.wgsl
// use lib/tree.wgsl

const PIXELS = 16u;

struct Params { pixels: u32, parts: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> x: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> r: array<vec2f>;
@group(0) @binding(3) var<storage, read> p: array<vec2f>;
@group(0) @binding(4) var<storage, read> Ap: array<vec2f>;
@group(0) @binding(5) var<storage, read> diagonal: array<f32>;
@group(0) @binding(6) var<storage, read> factor: array<vec2f>;
@group(0) @binding(7) var<storage, read_write> partial: array<vec2f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let part = workgroup_number(group, groups);
  if (part >= params.parts) { return; }
  var sum = vec2f(0.0);
  for (var k = 0u; k < PIXELS; k++) {
    let i = (part * PIXELS + k) * 64u + lane;
    if (i >= params.pixels) { continue; }
    x[i] += factor[0] * p[i];
    let rest = r[i] - factor[0] * Ap[i];
    r[i] = rest;
    if (diagonal[i] > 0.0) { sum += rest * rest / diagonal[i]; }
  }
  let a = sum_lanes(sum.x, lane, 1u);
  let b = sum_lanes(sum.y, lane, 1u);
  if (lane == 0u) { partial[part] = vec2f(a, b); }
}
`,
  'gradient_turn': `// p = r / diagonal + factor · p; 0 for fixed pixels, whose diagonal is not above 0
// r, p [pixels, 2]   diagonal [pixels]   factor [2]
// One invocation: one pixel.
// use lib/grid.wgsl

struct Params { pixels: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> r: array<vec2f>;
@group(0) @binding(2) var<storage, read> diagonal: array<f32>;
@group(0) @binding(3) var<storage, read> factor: array<vec2f>;
@group(0) @binding(4) var<storage, read_write> p: array<vec2f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = workgroup_number(group, groups) * 64u + lane;
  if (i >= params.pixels) { return; }
  let d = diagonal[i];
  if (d > 0.0) { p[i] = r[i] / d + factor[0] * p[i]; } else { p[i] = vec2f(0.0); }
}
`,
  'laplacian': `// y_r = diagonal_r · u_r − Σ k(r,s) · u_s over the eight neighbours s of pixel r; 0 where the diagonal is not above 0
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
`,
  'spread_hints': `// y[n,p] = ab[n,p] + Σ weight(q) · (unit · hint[n,q] − ab[n,q]) / (Σ weight(q) + prior)  over the cells q that are told, with
//   weight(q) = mask[n,q] · exp(−near · |p − q|² − like · (L[n,p] − L[n,q])² − akin · |ab[n,p] − ab[n,q]|²)
// ab [N,H,W,2]   L [N,H,W]   hints [N,H,W,3] = [hint, mask], with a mask of 0 where nothing is told   y [N,H,W,2]
// One invocation: one cell.
// use lib/grid.wgsl

struct Params { cells: u32, H: u32, W: u32, unit: f32, near: f32, like: f32, akin: f32, prior: f32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> ab: array<vec2f>;
@group(0) @binding(2) var<storage, read> L: array<f32>;
@group(0) @binding(3) var<storage, read> hints: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<vec2f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let cell = workgroup_number(group, groups) * 64u + lane;
  if (cell >= params.cells) { return; }
  let first = cell / (params.H * params.W) * params.H * params.W;
  let row = (cell - first) / params.W;
  let column = (cell - first) % params.W;
  var weights = params.prior;
  var sum = vec2f(0.0);
  for (var h = 0u; h < params.H; h++) {
    for (var v = 0u; v < params.W; v++) {
      let at = first + h * params.W + v;
      let mask = hints[3u * at + 2u];
      if (mask > 0.0) {
        let apart = vec2f(f32(row) - f32(h), f32(column) - f32(v));
        let unlike = L[cell] - L[at];
        let other = ab[cell] - ab[at];
        let exponent = params.near * dot(apart, apart) + params.like * unlike * unlike + params.akin * dot(other, other);
        let weight = mask * exp(-exponent);
        weights += weight;
        sum += weight * (params.unit * vec2f(hints[3u * at], hints[3u * at + 1u]) - ab[at]);
      }
    }
  }
  y[cell] = ab[cell] + sum / weights;
}
`,
  'window_variance': `// variance[n,h,v] = mean of (L − mean)² over the 3 × 3 pixels around (h, v), as far as they lie in the image
// L, variance [N,H,W]
// One invocation: one pixel. The mean comes first, since E[L²] − E[L]² would cancel.
// use lib/grid.wgsl

struct Params { pixels: u32, H: u32, W: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> L: array<f32>;
@group(0) @binding(2) var<storage, read_write> variance: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let pixel = workgroup_number(group, groups) * 64u + lane;
  if (pixel >= params.pixels) { return; }
  let column = pixel % params.W;
  let row = pixel / params.W % params.H;
  let image = pixel / params.W / params.H * params.H;
  let top = max(row, 1u) - 1u;
  let bottom = min(row + 2u, params.H);
  let left = max(column, 1u) - 1u;
  let right = min(column + 2u, params.W);
  let count = f32((bottom - top) * (right - left));
  var mean = 0.0;
  for (var h = top; h < bottom; h++) {
    for (var v = left; v < right; v++) { mean += L[(image + h) * params.W + v]; }
  }
  mean /= count;
  var sum = 0.0;
  for (var h = top; h < bottom; h++) {
    for (var v = left; v < right; v++) {
      let difference = L[(image + h) * params.W + v] - mean;
      sum += difference * difference;
    }
  }
  variance[pixel] = sum / count;
}
`,
  'winograd_input': `// v[i,j] = Bᵀ d B for the 6 × 6 pixels d that each tile of 4 × 4 outputs sees, zero outside the image; B as in lib/winograd
// x [N,H,W,C]   v [36,tiles,C], for \`tiles\` of the N·TH·TW tiles from tile \`first\` on
// One invocation: one element of each v[i,j].
// use lib/grid.wgsl
// use lib/winograd.wgsl

struct Params { first: u32, tiles: u32, TH: u32, TW: u32, H: u32, W: u32, C: u32, padTop: u32, padLeft: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> v: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = workgroup_number(group, groups) * 64u + lane;
  if (at >= params.tiles * params.C) { return; }
  let tile = params.first + at / params.C;
  // coordinates before the image wrap around to huge numbers, so one comparison covers both sides
  let top = tile / params.TW % params.TH * 4u - params.padTop;
  let left = tile % params.TW * 4u - params.padLeft;
  let image = tile / (params.TW * params.TH) * params.H;

  var d: array<array<f32, 6>, 6>;
  for (var i = 0u; i < 6u; i++) {
    for (var j = 0u; j < 6u; j++) {
      let isInside = top + i < params.H && left + j < params.W;
      let pixel = (image + min(top + i, params.H - 1u)) * params.W + min(left + j, params.W - 1u);
      d[i][j] = select(0.0, f32(x[pixel * params.C + at % params.C]), isInside);
    }
  }
  for (var i = 0u; i < 6u; i++) { d[i] = winograd_input(d[i]); }
  for (var j = 0u; j < 6u; j++) {
    let column = winograd_input(array<f32, 6>(d[0][j], d[1][j], d[2][j], d[3][j], d[4][j], d[5][j]));
    for (var i = 0u; i < 6u; i++) { v[(i * 6u + j) * params.tiles * params.C + at] = column[i]; }
  }
}
`,
  'winograd_output': `// y[n,oh,ow,yStart+k] = act(residual[n,oh,ow,k] + residualScale · (bias[k] + (Aᵀ m A)[oh mod 4, ow mod 4])), A as in lib/winograd
// m [36,tiles,K], for \`tiles\` of the N·TH·TW tiles of 4 × 4 outputs from tile \`first\` on   y [N,OH,OW,yChannels]
// bias [K] and residual [N,OH,OW,K], see lib/epilogue
// One invocation: one channel of a tile.
// use lib/grid.wgsl
// use lib/winograd.wgsl
// use lib/epilogue.wgsl

struct Params {
  first: u32, tiles: u32, TH: u32, TW: u32, OH: u32, OW: u32, K: u32,
  @align(16) epilogue: Epilogue,
}

alias Value = f32;
alias Y = f32;
const VALUE_CHANNELS = 1u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> m: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read> residual: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<Y>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = workgroup_number(group, groups) * 64u + lane;
  if (at >= params.tiles * params.K) { return; }
  let k = at % params.K;
  let tile = params.first + at / params.K;
  let top = tile / params.TW % params.TH * 4u;
  let left = tile % params.TW * 4u;
  let image = tile / (params.TW * params.TH) * params.OH;

  var rows: array<array<f32, 4>, 6>;
  for (var i = 0u; i < 6u; i++) {
    var row: array<f32, 6>;
    for (var j = 0u; j < 6u; j++) { row[j] = m[(i * 6u + j) * params.tiles * params.K + at]; }
    rows[i] = winograd_output(row);
  }
  for (var j = 0u; j < 4u; j++) {
    let column = winograd_output(
      array<f32, 6>(rows[0][j], rows[1][j], rows[2][j], rows[3][j], rows[4][j], rows[5][j]),
    );
    for (var i = 0u; i < 4u; i++) {
      if (top + i >= params.OH || left + j >= params.OW) { continue; }
      finish(column[i], (image + top + i) * params.OW + left + j, k, params.K);
    }
  }
}
`,
  'winograd_output_grad': `// dm[i,j] = A dy Aᵀ for the 4 × 4 outputs of each tile, zero outside the image; A as in lib/winograd
// dy [N,OH,OW,K]   dm [36,tiles,K], for \`tiles\` of the N·TH·TW tiles from tile \`first\` on
// One invocation: one element of each dm[i,j].
// use lib/grid.wgsl
// use lib/winograd.wgsl

struct Params { first: u32, tiles: u32, TH: u32, TW: u32, OH: u32, OW: u32, K: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> dm: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = workgroup_number(group, groups) * 64u + lane;
  if (at >= params.tiles * params.K) { return; }
  let tile = params.first + at / params.K;
  let top = tile / params.TW % params.TH * 4u;
  let left = tile % params.TW * 4u;
  let image = tile / (params.TW * params.TH) * params.OH;

  var rows: array<array<f32, 6>, 4>;
  for (var i = 0u; i < 4u; i++) {
    var row: array<f32, 4>;
    for (var j = 0u; j < 4u; j++) {
      let isInside = top + i < params.OH && left + j < params.OW;
      let pixel = (image + min(top + i, params.OH - 1u)) * params.OW + min(left + j, params.OW - 1u);
      row[j] = select(0.0, f32(dy[pixel * params.K + at % params.K]), isInside);
    }
    rows[i] = winograd_output_grad(row);
  }
  for (var j = 0u; j < 6u; j++) {
    let column = winograd_output_grad(array<f32, 4>(rows[0][j], rows[1][j], rows[2][j], rows[3][j]));
    for (var i = 0u; i < 6u; i++) { dm[(i * 6u + j) * params.tiles * params.K + at] = column[i]; }
  }
}
`,
  'winograd_weight': `// u[i,j] = G g Gᵀ for each pair of channels, G as in lib/winograd
// w [3,3,C,K]   u [36,C,K], g[r,s] = w[r,s,c,k]; with FLIPPED u [36,K,C], g[r,s] = w[2−r,2−s,c,k]:
// a convolution with that one is the gradient to the input
// One invocation: one element of each u[i,j].
// use lib/grid.wgsl
// use lib/winograd.wgsl

override FLIPPED = 0u;

struct Params { C: u32, K: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read_write> u: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = workgroup_number(group, groups) * 64u + lane;
  let pairs = params.C * params.K;
  if (at >= pairs) { return; }
  let pair = select(at, at % params.C * params.K + at / params.C, FLIPPED == 1u);

  var rows: array<array<f32, 6>, 3>;
  for (var r = 0u; r < 3u; r++) {
    var taps: array<f32, 3>;
    for (var s = 0u; s < 3u; s++) {
      taps[s] = f32(w[select(r * 3u + s, 8u - r * 3u - s, FLIPPED == 1u) * pairs + pair]);
    }
    rows[r] = winograd_weight(taps);
  }
  for (var j = 0u; j < 6u; j++) {
    let column = winograd_weight(array<f32, 3>(rows[0][j], rows[1][j], rows[2][j]));
    for (var i = 0u; i < 6u; i++) { u[(i * 6u + j) * pairs + at] = column[i]; }
  }
}
`,
  'winograd_weight_grad': `// dw = Gᵀ du G for each pair of channels, or added to what dw has already when ADD is 1; G as in lib/winograd
// du [36,C,K]   dw [3,3,C,K]
// One invocation: one element of each tap.
// use lib/grid.wgsl
// use lib/winograd.wgsl

override ADD = 0u;

struct Params { pairs: u32 }

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> du: array<f32>;
@group(0) @binding(2) var<storage, read_write> dw: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let at = workgroup_number(group, groups) * 64u + lane;
  if (at >= params.pairs) { return; }
  var rows: array<array<f32, 3>, 6>;
  for (var i = 0u; i < 6u; i++) {
    var row: array<f32, 6>;
    for (var j = 0u; j < 6u; j++) { row[j] = du[(i * 6u + j) * params.pairs + at]; }
    rows[i] = winograd_weight_grad(row);
  }
  for (var s = 0u; s < 3u; s++) {
    let column = winograd_weight_grad(
      array<f32, 6>(rows[0][s], rows[1][s], rows[2][s], rows[3][s], rows[4][s], rows[5][s]),
    );
    for (var r = 0u; r < 3u; r++) {
      let i = (r * 3u + s) * params.pairs + at;
      if (ADD == 1u) { dw[i] += column[r]; } else { dw[i] = column[r]; }
    }
  }
}
`,
}

/** Tells these kernels from others: a hash of the shaders and of src/kernels. */
export const KERNEL_VERSION = '88c04f567cc29f2c56d75c5a4cc19ddda5162cb9fa2c96bae2a0fa07b31b1a47'
