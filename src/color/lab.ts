/**
 * sRGB <-> CIE L*a*b*, white point D65, for whole photographs.
 *
 * Sources: IEC 61966-2-1 (sRGB primaries and transfer curve), CIE 15:2004 (L*a*b*, with the exact constants
 * 216/24389 and 24389/27 in place of the rounded 0.008856 and 903.3).
 */

const EPSILON = 216 / 24389
const KAPPA = 24389 / 27

/** Linear sRGB -> XYZ / white. Each row is divided by its sum, so that every grey has a* = b* = 0 exactly. */
const TO_XYZ = [
  [0.4124564, 0.3575761, 0.1804375],
  [0.2126729, 0.7151522, 0.072175],
  [0.0193339, 0.119192, 0.9503041],
].map((row) => row.map((v) => v / row.reduce((sum, w) => sum + w, 0)))
const [XR, XG, XB, YR, YG, YB, ZR, ZG, ZB] = TO_XYZ.flat() as Nine
const [RX, RY, RZ, GX, GY, GZ, BX, BY, BZ] = inverse3([XR, XG, XB, YR, YG, YB, ZR, ZG, ZB])
type Nine = [number, number, number, number, number, number, number, number, number]

const CUBE_ROOT = Float64Array.from({ length: 4098 }, (_, i) => Math.cbrt(i / 4096))

/** Linear light of each of the 256 sRGB levels, 0…1. */
export const LINEAR: Float64Array = Float64Array.from({ length: 256 }, (_, level) => linearOf(level / 255))

/** L* of the grey whose three sRGB levels are the index: 0…100. */
export const GRAY_LIGHTNESS: Float32Array = Float32Array.from(LINEAR, (y) => 116 * labCurve(y) - 16)

/** Linear light above which a value rounds to the next sRGB level; the last has no next one. */
const NEXT_LEVEL = Float64Array.from({ length: 256 }, (_, n) => (n < 255 ? linearOf((n + 0.5) / 255) : 2))
/** A level at or below that of linear light i/4096, from where NEXT_LEVEL is climbed (two steps at most). */
const FIRST_LEVEL = Uint8Array.from({ length: 4097 }, (_, i) =>
  NEXT_LEVEL.findIndex((next) => i / 4096 < next),
)

/** Linear light this far outside 0…1 is 3% of an 8-bit level, and more than float32 rounding of Lab can cause. */
const GAMUT_SLACK = 1e-5
const BISECTIONS = 14

/** Pixels in L*a*b*: L is [pixels], 0…100; ab is [pixels, 2], about -86…98 and -108…94 for sRGB colours. */
export interface Lab {
  L: Float32Array
  ab: Float32Array
}

/** L*a*b* of `rgb` [pixels, 3], sRGB levels, written to `into` when given, every element of it. */
export function srgbToLab(rgb: Uint8Array, into?: Lab): Lab {
  const pixels = rgb.length / 3
  const { L, ab } = into ?? { L: new Float32Array(pixels), ab: new Float32Array(2 * pixels) }
  for (let i = 0; i < pixels; i++) {
    const r = LINEAR[rgb[3 * i]!]!
    const g = LINEAR[rgb[3 * i + 1]!]!
    const b = LINEAR[rgb[3 * i + 2]!]!
    const fy = labCurve(YR * r + YG * g + YB * b)
    L[i] = 116 * fy - 16
    const gray = r === g && g === b // exactly 0, and no cube roots to find it out
    ab[2 * i] = gray ? 0 : 500 * (labCurve(XR * r + XG * g + XB * b) - fy)
    ab[2 * i + 1] = gray ? 0 : 200 * (fy - labCurve(ZR * r + ZG * g + ZB * b))
  }
  return { L, ab }
}

/** sRGB levels of 8 bits, 0…255, or of 16 bits, 0…65535. */
export type Levels = Uint8Array | Uint16Array

/** L* alone of `rgb` [pixels, 3]: what a grey photograph of these colours shows. */
export function lightness(rgb: Levels): Float32Array {
  const { linear, gray } = rgb instanceof Uint16Array ? deepTables() : TABLES
  const L = new Float32Array(rgb.length / 3)
  for (let i = 0; i < L.length; i++) {
    const r = rgb[3 * i]!
    const g = rgb[3 * i + 1]!
    const b = rgb[3 * i + 2]!
    L[i] =
      r === g && g === b ? gray[r]! : 116 * labCurve(YR * linear[r]! + YG * linear[g]! + YB * linear[b]!) - 16
  }
  return L
}

/** L* of grey levels [pixels]. */
export function grayLightness(levels: Levels): Float32Array {
  const { gray } = levels instanceof Uint16Array ? deepTables() : TABLES
  return Float32Array.from(levels, (level) => gray[level]!)
}

/** Lightness above which a grey rounds to the next sRGB level, as NEXT_LEVEL has it of light. */
const NEXT_GRAY = NEXT_LEVEL.map((y, level) =>
  level < 255 ? 116 * labCurve(y) - 16 : Number.POSITIVE_INFINITY,
)
/** A level at or below that of lightness i/10, from where NEXT_GRAY is climbed. */
const FIRST_GRAY = Uint8Array.from({ length: 1001 }, (_, i) => NEXT_GRAY.findIndex((next) => i / 10 < next))

/** The sRGB level, 0…255, of the grey whose lightness is `L`: the inverse of GRAY_LIGHTNESS, rounded. */
export function grayLevel(L: number): number {
  const within = L > 0 ? Math.min(L, 100) : 0
  let level = FIRST_GRAY[Math.floor(10 * within)]!
  while (within >= NEXT_GRAY[level]!) level++
  return level
}

/**
 * sRGB levels [pixels, 3], of the depth of `rgb`, of L [pixels] and ab [pixels, 2]. Colours that sRGB does not have keep their lightness
 * and hue and lose as much chroma as it takes; L outside 0…100 is taken as 0 or 100.
 */
export function labToSrgb<T extends Levels = Uint8Array>(
  L: Float32Array,
  ab: Float32Array,
  rgb: T = new Uint8Array(3 * L.length) as Levels as T,
): T {
  const level = rgb instanceof Uint16Array ? deepLevelOf : levelOf
  const light = new Float64Array(3)
  for (let i = 0; i < L.length; i++) {
    const l = Math.min(100, Math.max(0, L[i]!))
    const a = ab[2 * i]!
    const b = ab[2 * i + 1]!
    if (!linearSrgb(l, a, b, light)) {
      const scale = chromaScale(l, a, b)
      linearSrgb(l, scale * a, scale * b, light)
    }
    rgb[3 * i] = level(Math.min(1, Math.max(0, light[0]!)))
    rgb[3 * i + 1] = level(Math.min(1, Math.max(0, light[1]!)))
    rgb[3 * i + 2] = level(Math.min(1, Math.max(0, light[2]!)))
  }
  return rgb
}

const scratch = new Float64Array(3)

/** The largest factor in 0…1 (to 6e-5, from below) by which a and b can be multiplied to lie in sRGB's gamut at L. */
export function chromaScale(L: number, a: number, b: number): number {
  if (linearSrgb(L, a, b, scratch)) return 1
  let inside = 0
  let outside = 1
  for (let n = 0; n < BISECTIONS; n++) {
    const middle = (inside + outside) / 2
    if (linearSrgb(L, middle * a, middle * b, scratch)) inside = middle
    else outside = middle
  }
  return inside
}

/** Writes the linear light of (L, a, b) to `light` [3] and tells whether sRGB has this colour. */
function linearSrgb(L: number, a: number, b: number, light: Float64Array): boolean {
  const fy = (L + 16) / 116
  const x = inverseCurve(fy + a / 500)
  const y = inverseCurve(fy)
  const z = inverseCurve(fy - b / 200)
  const red = RX * x + RY * y + RZ * z
  const green = GX * x + GY * y + GZ * z
  const blue = BX * x + BY * y + BZ * z
  light[0] = red
  light[1] = green
  light[2] = blue
  const low = -GAMUT_SLACK
  const high = 1 + GAMUT_SLACK
  return red >= low && red <= high && green >= low && green <= high && blue >= low && blue <= high
}

/**
 * CIE's f(t), t in 0…1: the cube root with a straight piece near black. The root is the nearest of 4097 tabled ones
 * and one step of Halley's method, which is exact to 1e-8 and three times as fast as Math.cbrt.
 */
function labCurve(t: number): number {
  if (t <= EPSILON) return (KAPPA * t + 16) / 116
  const root = CUBE_ROOT[(t * 4096 + 0.5) | 0]!
  const cube = root * root * root
  return (root * (cube + 2 * t)) / (2 * cube + t)
}

function inverseCurve(f: number): number {
  const cube = f * f * f
  return cube > EPSILON ? cube : (116 * f - 16) / KAPPA
}

/** Linear light of an sRGB value, both 0…1. */
export function linearOf(value: number): number {
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
}

/** The nearest sRGB level of linear light in 0…1: a table for the neighbourhood, then exact comparisons. */
export function levelOf(light: number): number {
  let level = FIRST_LEVEL[(light * 4096) | 0]!
  while (light >= NEXT_LEVEL[level]!) level++
  return level
}

/** The nearest 16-bit sRGB level of linear light in 0…1. */
export const deepLevelOf = (light: number): number => Math.round(65535 * encoded(light))

/** The value of linear light, both 0…1: the inverse of `linearOf`. */
const encoded = (light: number) =>
  light <= 0.04045 / 12.92 ? 12.92 * light : 1.055 * light ** (1 / 2.4) - 0.055

interface Tables {
  /** Linear light of each level, 0…1. */
  readonly linear: Float64Array
  /** L* of the grey of each level. */
  readonly gray: Float32Array
}

const TABLES: Tables = { linear: LINEAR, gray: GRAY_LIGHTNESS }
let deep: Tables | null = null

/** The tables of 16-bit levels, which not everybody needs. */
export function deepTables(): Tables {
  if (deep) return deep
  const linear = Float64Array.from({ length: 65536 }, (_, level) => linearOf(level / 65535))
  deep = { linear, gray: Float32Array.from(linear, (y) => 116 * labCurve(y) - 16) }
  return deep
}

function inverse3([a, b, c, d, e, f, g, h, i]: Nine): Nine {
  const [A, B, C] = [e * i - f * h, f * g - d * i, d * h - e * g]
  const det = a * A + b * B + c * C
  const adjugate = [
    A,
    c * h - b * i,
    b * f - c * e,
    B,
    a * i - c * g,
    c * d - a * f,
    C,
    b * g - a * h,
    a * e - b * d,
  ]
  return adjugate.map((v) => v / det) as Nine
}
