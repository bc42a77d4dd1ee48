// The sizes of a convolution of x [N,H,W,C] with w [R,S,channelsPerGroup,K] to y [N,OH,OW,K]: `ConvGeometry` of
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
