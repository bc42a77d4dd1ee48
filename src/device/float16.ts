/** IEEE 754's binary16 on the host: 1 sign, 5 exponent, 10 fraction bits. */

/** From here on the nearest value is an infinity; the largest one is 65504. */
export const HALF_OVERFLOW = 65520

const float = new Float32Array(1)
const floatBits = new Uint32Array(float.buffer)
/** Added to a number and taken away again, it rounds it to a whole one, ties to even: float64 has no finer steps there. */
const WHOLE = 2 ** 52

/** The bits of the nearest value, ties to even. */
export function halfBits(value: number): number {
  float[0] = value
  const bits = floatBits[0]!
  const sign = (bits >>> 16) & 0x8000
  const magnitude = Math.abs(value)
  if (Number.isNaN(value)) return 0x7e00
  if (magnitude >= HALF_OVERFLOW) return sign | 0x7c00
  // below 2⁻¹⁴ steps stay what they are there: the subnormal numbers
  const exponent = Math.max(((bits >>> 23) & 255) - 127, -14)
  const steps = magnitude * 2 ** (10 - exponent) + WHOLE - WHOLE
  return sign | (((exponent + 15) << 10) + steps - 1024)
}

export function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
  floatBits[0] = ((bits & 0x8000) << 16) | ((exponent + 127 - 15) << 23) | (fraction << 13)
  return float[0]!
}

/** The nearest value, ties to even. */
export const toHalf = (value: number) => halfToFloat(halfBits(value))

/** As many float16 as there are values, and zeros up to the end of the last vec4. */
export function packHalves(values: Float32Array): Uint16Array<ArrayBuffer> {
  const packed = new Uint16Array(Math.ceil(values.length / 4) * 4)
  for (let i = 0; i < values.length; i++) packed[i] = halfBits(values[i]!)
  return packed
}

export const unpackHalves = (packed: Uint16Array) => Float32Array.from(packed, halfToFloat)
