import { srgbToLab } from '../lab.ts'
import { bands, type Photo } from '../photo.ts'

/** One colour in L*a*b*. */
type Lab = readonly [L: number, a: number, b: number]

const RADIANS = Math.PI / 180
const POW_25_7 = 25 ** 7

/**
 * The CIEDE2000 difference of two colours in L*a*b*, kL = kC = kH = 1: about 1 is the least that an eye sees.
 *
 * Source: Sharma, Wu and Dalal, "The CIEDE2000 color-difference formula: implementation notes, supplementary test data,
 * and mathematical observations", Color Research & Application 30(1), 2005; their equation numbers stand at the lines.
 */
export function deltaE2000([L1, a1, b1]: Lab, [L2, a2, b2]: Lab): number {
  const meanChroma = (Math.sqrt(a1 * a1 + b1 * b1) + Math.sqrt(a2 * a2 + b2 * b2)) / 2 // (2), (3)
  const stretch = 1.5 - 0.5 * shareOf25(meanChroma) // 1 + G (4)
  const [x1, x2] = [stretch * a1, stretch * a2] // (5)
  const C1 = Math.sqrt(x1 * x1 + b1 * b1) // (6)
  const C2 = Math.sqrt(x2 * x2 + b2 * b2)
  const C = (C1 + C2) / 2 // (13)
  const offset = ((L1 + L2) / 2 - 50) ** 2 // (L̄′ − 50)² of (12)
  const lightness = (L2 - L1) / (1 + (0.015 * offset) / Math.sqrt(20 + offset)) // ΔL′/S_L (8), (18)
  const chroma = (C2 - C1) / (1 + 0.045 * C) // ΔC′/S_C (9), (19)
  if (C1 === 0 || C2 === 0) return Math.sqrt(lightness * lightness + chroma * chroma) // a grey has no hue
  const h1 = hueAngle(x1, b1) // (7)
  const h2 = hueAngle(x2, b2)
  const turn = shorter(h2 - h1) // (10)
  const h = (h1 + turn / 2) / RADIANS // (14), in degrees; every use of it has a period of 360
  const T =
    1 -
    0.17 * Math.cos(RADIANS * (h - 30)) +
    0.24 * Math.cos(RADIANS * 2 * h) +
    0.32 * Math.cos(RADIANS * (3 * h + 6)) -
    0.2 * Math.cos(RADIANS * (4 * h - 63)) // (15)
  const hue = (2 * Math.sqrt(C1 * C2) * Math.sin(turn / 2)) / (1 + 0.015 * C * T) // ΔH′/S_H (11), (20)
  const blueness = (((h + 360) % 360) - 275) / 25
  const angle = 60 * RADIANS * Math.exp(-blueness * blueness) // 2 Δθ (16)
  const rotation = -2 * shareOf25(C) * Math.sin(angle) // R_T (17), (21)
  return Math.sqrt(lightness * lightness + chroma * chroma + hue * hue + rotation * chroma * hue) // (22)
}

/** √(C⁷ / (C⁷ + 25⁷)) */
function shareOf25(C: number): number {
  const square = C * C
  const seventh = square * square * square * C
  return Math.sqrt(seventh / (seventh + POW_25_7))
}

/** In 0…2π. */
function hueAngle(a: number, b: number): number {
  const angle = Math.atan2(b, a)
  return angle < 0 ? angle + 2 * Math.PI : angle
}

/** The same turn as one of −π…π, in radians. */
function shorter(turn: number): number {
  if (turn > Math.PI) return turn - 2 * Math.PI
  return turn < -Math.PI ? turn + 2 * Math.PI : turn
}

/** Mean CIEDE2000 difference over the pixels of two pictures of one size. */
export function deltaE(original: Photo, result: Photo): number {
  let sum = 0
  for (const { pixels } of bands(original)) {
    const [from, to] = [3 * pixels[0], 3 * pixels[1]]
    const truth = srgbToLab(original.rgb.subarray(from, to))
    const { L, ab } = srgbToLab(result.rgb.subarray(from, to))
    for (let i = 0, j = 0; i < L.length; i++, j += 2) {
      sum += deltaE2000([truth.L[i]!, truth.ab[j]!, truth.ab[j + 1]!], [L[i]!, ab[j]!, ab[j + 1]!])
    }
  }
  return sum / (original.width * original.height)
}
