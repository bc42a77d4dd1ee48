/** IEEE 754 binary16: 1 sign, 5 exponent, 10 fraction bits; subnormals are multiples of 2⁻²⁴. */

/** The largest finite value. */
export const LARGEST_HALF = 65504

export function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

/** The nearest half, of two the even one. What lies beyond `LARGEST_HALF` by more than half a step becomes infinite. */
export function floatToHalf(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0
  const size = Math.abs(value)
  if (Number.isNaN(size)) return 0x7e00
  if (size >= 65520) return sign | 0x7c00
  if (size < 2 ** -14) return sign | roundHalfEven(size * 2 ** 24)
  const exponent = Math.floor(Math.log2(size)) // exact for halves; a step too high or low comes out the same below
  return sign | (roundHalfEven((size / 2 ** exponent - 1) * 1024) + ((exponent + 15) << 10))
}

function roundHalfEven(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor
}
