/** How fast this machine colours a photograph, by colouring one. */
import sharp from 'sharp'
import type { Gpu } from '../device/gpu.ts'
import { wantedClassifier } from '../infer/colorizer.ts'
import { trainedWith } from '../io/weights.ts'
import { colorizeFile } from './formats/colorize.ts'
import { packagePath } from './package.ts'
import { openPainter } from './painter.ts'
import { chooseClassifier } from './store/classifiers.ts'
import { precisionOn } from './store/tuning.ts'
import { readWeights, SHIPPED } from './weights.ts'

export interface Speed {
  readonly megapixels: number
  /** For a photograph of that size: decoded, coloured and encoded as a JPEG, when others have been coloured before. */
  readonly seconds: number
  /** For the first one, which waits for weights and shaders. */
  readonly firstSeconds: number
}

const [WIDTH, HEIGHT] = [4000, 3000]
const SAMPLE = 'samples/gray/march-pastoral.jpg'

/** Throws a `UserError` when weights are missing or the adapter fails. */
export async function measureSpeed(
  gpu: Gpu,
  { width, height } = { width: WIDTH, height: HEIGHT },
): Promise<Speed> {
  const sample = sharp(packagePath(SAMPLE)).resize(width, height, { fit: 'fill' })
  const bytes = await sample.jpeg({ quality: 90 }).toBuffer()
  const began = performance.now()
  const weights = await readWeights(SHIPPED)
  const chosen = await chooseClassifier(wantedClassifier(trainedWith(weights.metadata), {}))
  const painter = await openPainter(gpu, weights, chosen, { precision: precisionOn(gpu, undefined) })
  const colorize = () => colorizeFile(painter, bytes, 'the sample', { recolor: true, making: null })
  await colorize()
  const first = performance.now()
  await colorize()
  const [firstSeconds, seconds] = [(first - began) / 1000, (performance.now() - first) / 1000]
  return { megapixels: (width * height) / 1e6, seconds, firstSeconds }
}
