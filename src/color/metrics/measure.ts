import type { SmallAb } from '../guided.ts'
import { paint } from '../paint.ts'
import type { Photo } from '../photo.ts'
import { type AbErrors, abErrors } from './abError.ts'
import { colorfulness } from './colorfulness.ts'
import { deltaE } from './deltaE.ts'
import { nearEdges } from './edges.ts'
import { type PaintedColours, paintedColours } from './painted.ts'
import { psnr } from './psnr.ts'
import { ssim } from './ssim.ts'

/**
 * What docs/metrics.md defines, for one picture. Those of `AbErrors` are of the colours as the network says them, without
 * saturation; the others are of the picture as it is painted.
 */
export interface Figures extends AbErrors, PaintedColours {
  /** 1 where more than half of the ab error comes from other hues, else 0. */
  readonly wrongHue: number
  /** In dB. */
  readonly psnr: number
  readonly ssim: number
  readonly deltaE: number
  readonly colorfulness: number
  readonly colorfulnessTruth: number
  /** The result's colourfulness less that of the truth: negative for one that is too pale. */
  readonly colorfulnessDifference: number
  /** How far it is off, either way. */
  readonly colorfulnessError: number
}

/** A picture as it is painted, and how it compares with what it was. */
export interface Measured {
  readonly painted: Photo
  readonly figures: Figures
}

/** Gives a function that paints `original` in the colours `small` and compares it with what it was. */
export function measurer(original: Photo): (small: SmallAb, saturation: number) => Measured {
  const near = nearEdges(original)
  const truth = colorfulness(original)
  return (small, saturation) => {
    const painted = paint(original, small, saturation)
    const errors = abErrors(original, small, near)
    const result = colorfulness(painted)
    const figures = {
      ...errors,
      ...paintedColours(original, painted),
      wrongHue: errors.hueShare > 0.5 ? 1 : 0,
      psnr: psnr(original, painted),
      ssim: ssim(original, painted),
      deltaE: deltaE(original, painted),
      colorfulness: result,
      colorfulnessTruth: truth,
      colorfulnessDifference: result - truth,
      colorfulnessError: Math.abs(result - truth),
    }
    return { painted, figures }
  }
}
