import { lightness } from '../src/color/lab.ts'
import type { Photo } from '../src/color/photo.ts'

/** A photograph as a newspaper prints it: dots in a grid that is turned by `degrees`, larger where it is darker. */
export function halftone({ width, height, rgb }: Photo, period: number, degrees = 45): Photo {
  const [cos, sin] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)]
  const wave = (2 * Math.PI) / period
  const dots = new Uint8Array(rgb.length)
  for (const [i, L] of lightness(rgb).entries()) {
    const [x, y] = [i % width, Math.floor(i / width)]
    const threshold =
      0.5 + 0.25 * (Math.cos(wave * (cos * x + sin * y)) + Math.cos(wave * (cos * y - sin * x)))
    const ink = 1 / (1 + Math.exp((L / 100 - threshold) / 0.05))
    dots.fill(235 - 205 * ink, 3 * i, 3 * i + 3)
  }
  return { width, height, rgb: dots }
}
