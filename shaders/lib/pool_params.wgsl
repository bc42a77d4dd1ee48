// The sizes of a pool of x [N,H,W,C] to y [N,OH,OW,C], as `geometry` of src/kernels/pool/pool2d.ts has them. C counts in the
// units of lib/units.wgsl. Tap (r,s) of window (oh,ow) lies at pixel (h,v) of x, with
//   h = oh·strideH + r·dilationH − padTop   and   v = ow·strideW + s·dilationW − padLeft
// The last member fills it up to 64 bytes: what follows a structure in a uniform block begins at a multiple of 16.
struct Pool {
  H: u32, W: u32, C: u32, OH: u32, OW: u32, R: u32, S: u32,
  strideH: u32, strideW: u32, dilationH: u32, dilationW: u32, padTop: u32, padLeft: u32,
  paddedH: u32, @size(8) paddedW: u32, // with the padding on both sides
}
