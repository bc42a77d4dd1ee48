import type { Gpu } from '../device/gpu.ts'
import type { Painter } from './colorizer.ts'
import { Enlarger } from './enlarger.ts'
import { coloursFromHints } from './smoothing.ts'

/** Colours photographs without a network, from what is told of them alone: see `coloursFromHints`. */
export const hintPainter = (gpu: Gpu): Painter => ({
  predictor: {
    predict: (photo, _features, told = []) => coloursFromHints(gpu, photo, told),
    destroy() {},
  },
  enlarger: new Enlarger(gpu),
  ...{ classifier: null, classNames: () => [] },
  saturation: 1,
})
