import { grayOf, paint } from '../color/paint.ts'
import type { Predictor } from '../infer/predictor.ts'
import type { EncodedPicture } from '../io/events.ts'
import { isSquaredError } from '../model/losses.ts'
import type { ClassVectors } from '../train/batches.ts'
import type { Checkpoint } from '../train/checkpoint.ts'
import { photoSize, readPhoto } from './image.ts'
import { linePlot } from './plot.ts'
import { saveFile } from './save.ts'
import { contactSheet, type SheetRow } from './sheet.ts'
import { lossCurvePath, samplesPath } from './store/run-folder.ts'

/** Longest side of a picture in the sheet that goes into the log, of which there may be hundreds. */
const LOGGED_CELL = 96
/** Rows of the contact sheet. */
const MAX_ROWS = 8
/** Steps over which the loss curve is smoothed, as a share of all. */
const SMOOTHING = 1 / 50

/** What colours the samples. */
export interface Sampler {
  readonly predictor: Predictor
  readonly saturation: number
  readonly vectors: ClassVectors | undefined
}

/** Writes `samples.png`: held-out photographs grey | ours | original (the report's figure 6). Returns a small one for the log. */
export async function writeSamples(
  out: string,
  paths: readonly string[],
  { predictor, saturation, vectors }: Sampler,
): Promise<EncodedPicture> {
  const rows: SheetRow[] = []
  for (const path of spread(paths, MAX_ROWS)) {
    const original = await readPhoto(path)
    const features = (await vectors?.of(path)) ?? undefined
    const ab = await predictor.predict(original, features)
    rows.push({ gray: grayOf(original), ours: paint(original, ab, saturation), original })
  }
  await saveFile(samplesPath(out), await contactSheet(rows))
  const png = await contactSheet(rows, { cell: LOGGED_CELL })
  return { png, ...(await photoSize(png, 'the contact sheet')) }
}

/**
 * Writes `loss.png`: the loss of every step, smoothed, and where it is the squared error also the validations and the grey
 * level. Returns its path.
 */
export async function writeLossCurve(
  out: string,
  { weights, losses, validations, settings }: Checkpoint,
  grayLoss: number,
): Promise<string> {
  const raw = [...losses].map((loss, i) => [i + 1, loss] as const)
  const own = [
    { name: 'loss of a step', points: raw, style: 'faint' as const },
    { name: 'smoothed', points: smoothed(losses) },
  ]
  const squared = [
    {
      name: 'held out',
      points: validations.map(({ step, abMse }) => [step, abMse] as const),
      style: 'dots' as const,
    },
    {
      name: 'all grey',
      points: [[1, grayLoss] as const, [losses.length, grayLoss] as const],
      style: 'dashed' as const,
    },
  ]
  const isSquared = isSquaredError(weights.network, settings)
  const labels = { title: 'training loss', xLabel: 'step', yLabel: isSquared ? 'ab error' : 'loss' }
  const file = lossCurvePath(out)
  await saveFile(file, await linePlot(isSquared ? [...own, ...squared] : own, labels))
  return file
}

/** Mean of each loss and those shortly before it. */
function smoothed(losses: Float32Array): (readonly [number, number])[] {
  const window = Math.max(1, Math.round(losses.length * SMOOTHING))
  return [...losses].map((_, i) => {
    const recent = losses.subarray(Math.max(0, i + 1 - window), i + 1)
    return [i + 1, recent.reduce((a, b) => a + b, 0) / recent.length] as const
  })
}

/** At most `count` of the items, evenly spread. */
function spread<T>(items: readonly T[], count: number): T[] {
  if (items.length <= count) return [...items]
  return Array.from({ length: count }, (_, i) => items[Math.floor((i * items.length) / count)]!)
}
