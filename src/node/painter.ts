import type { Gpu } from '../device/gpu.ts'
import type { Precision } from '../graph/half.ts'
import type { NetworkPainter } from '../infer/colorizer.ts'
import { Enlarger } from '../infer/enlarger.ts'
import { predictorOf } from '../infer/predictor.ts'
import { saturationOf, type WeightFile } from '../io/weights.ts'
import { sharpResize } from './image.ts'
import { type ChosenClassifier, classNames, loadClassifier } from './store/classifiers.ts'

export interface PainterOptions {
  readonly precision: Precision
  /** Shorter side in px at which the network sees pictures; that of its training by default. */
  readonly size?: number | undefined
  /** See `PredictorOptions`. */
  readonly mirror?: boolean | undefined
}

/** What colours photographs in Node. Throws as `loadClassifier`. */
export async function openPainter(
  gpu: Gpu,
  weights: WeightFile,
  chosen: ChosenClassifier | null,
  { precision, size, mirror }: PainterOptions,
): Promise<NetworkPainter> {
  return {
    classifier: chosen && (await loadClassifier(gpu, chosen.file, { fit: chosen.origin.fit, precision })),
    predictor: predictorOf(gpu, weights, { resize: sharpResize, precision, size, mirror }),
    enlarger: new Enlarger(gpu),
    classNames,
    weights,
    saturation: saturationOf(weights),
  }
}
