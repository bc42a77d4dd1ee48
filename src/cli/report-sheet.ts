/** The contact sheet of `evaluate --report FILE`. */
import { grayOf, paint } from '../color/paint.ts'
import type { Photo } from '../color/photo.ts'
import { readPhoto } from '../node/image.ts'
import { contactSheet, type SheetRow } from '../node/sheet.ts'
import type { Each } from './each.ts'
import type { Colourist, Evaluated } from './measure-photos.ts'

/** Pictures of each kind in a report. */
const SHOWN = 3

/**
 * A contact sheet of the best, the middle and the worst pictures by ab error, with what was measured; beside them what other
 * weights make of them.
 * @param names of the result's weights, and of the others
 * @param file what it is for, as `SheetOptions` has it
 */
export async function reportSheet(
  evaluated: readonly Evaluated[],
  { result, against = [] }: Each<Colourist>,
  names: readonly string[],
  file?: string,
): Promise<Buffer> {
  const rows: SheetRow[] = []
  for (const { kind, input, scores } of bestMedianWorst(evaluated)) {
    const original = await readPhoto(input)
    const { abMse, psnr } = scores.result
    const [ours, ...others] = await paintBy([result, ...against], original)
    rows.push({
      ...{ gray: grayOf(original), ours: ours!, others, original },
      caption: `${kind}: ab error ${abMse.toFixed(1)}, ${psnr.toFixed(2)} dB, ${input}`,
    })
  }
  return contactSheet(rows, { file, ...(against.length ? { names } : {}) })
}

async function paintBy(colourists: readonly Colourist[], original: Photo): Promise<Photo[]> {
  const painted: Photo[] = []
  for (const { colours, saturation } of colourists)
    painted.push(paint(original, await colours(original), saturation))
  return painted
}

/** The three best, three middle and three worst pictures by ab error, in this order; all of them when there are fewer. */
export function bestMedianWorst(evaluated: readonly Evaluated[]): (Evaluated & { kind: string })[] {
  const sorted = [...evaluated].sort((a, b) => a.scores.result.abMse - b.scores.result.abMse)
  const count = Math.min(SHOWN, Math.ceil(sorted.length / 3))
  const worst = Math.max(count, sorted.length - count)
  const median = Math.max(count, Math.min(worst - count, (sorted.length - count) >> 1))
  const kinds = {
    best: [0, count],
    median: [median, Math.min(median + count, worst)],
    worst: [worst, sorted.length],
  }
  return Object.entries(kinds).flatMap(([kind, [from, to]]) =>
    sorted.slice(from, to).map((picture) => ({ ...picture, kind })),
  )
}
