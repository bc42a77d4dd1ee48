import type { SmallAb } from '../guided.ts'
import { paint } from '../paint.ts'
import type { Photo } from '../photo.ts'
import { abError } from './abError.ts'
import { colorfulness } from './colorfulness.ts'
import { deltaE } from './deltaE.ts'
import { psnr } from './psnr.ts'
import { ssim } from './ssim.ts'

/** What docs/metrics.md defines, for one picture. */
export interface Figures {
  /** Of the colours as the network says them, without saturation; ab units². */
  readonly abMse: number
  /** This and the others are of the picture as it is painted. In dB. */
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

/** Paints `original` in the colours `small` and compares it with what it was. */
export function measure(
  original: Photo,
  small: SmallAb,
  saturation: number,
): { painted: Photo; figures: Figures } {
  const painted = paint(original, small, saturation)
  const truth = colorfulness(original)
  const result = colorfulness(painted)
  const figures = {
    abMse: abError(original, small),
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
