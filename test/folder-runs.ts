/** Plans and runs of `colorize` on folders, with a painter that needs no GPU: it gives every picture one colour. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import sharp from 'sharp'
import { type PlanOptions, planFor } from '../src/cli/colouring/plan.ts'
import { type RunOptions, runPlan } from '../src/cli/colouring/run.ts'
import { oneColour, paint } from '../src/color/paint.ts'
import type { Painter } from '../src/infer/colorizer.ts'
import { JOURNAL, Journal } from '../src/node/journal.ts'
import { findEach } from '../src/node/photos.ts'

export const onePainter = {
  ...{ classifier: null, classNames: [], saturation: 1 },
  predictor: { predict: async () => oneColour(10, 20) },
  enlarger: { paint: async (...args: Parameters<typeof paint>) => paint(...args) },
} as unknown as Painter

export const silent = { say: () => {}, warn: () => {}, progress: () => {} }

export type Changes = Partial<PlanOptions> & Partial<RunOptions>

/** What one run of the program does, with the plan that it makes. */
export async function colour(out: string, inputs: readonly string[], changes: Changes = {}) {
  const journal = await Journal.open(join(out, JOURNAL))
  const usual = { settings: 'usual', journal, force: false }
  const naming = { out, isFile: false, variants: null, compare: false }
  const { photos, failures } = await findEach(inputs)
  const planned = [...failures, ...(await planFor(photos, { ...usual, ...naming, ...changes }))]
  const running = {
    ...{ hints: undefined, jobs: 2, values: {}, terminal: silent },
    ...{
      interrupted: new AbortController().signal,
      open: async () => ({ painter: onePainter, painting: {} }),
    },
  }
  return runPlan(planned, { ...usual, ...running, ...changes })
}

/** Writes a small grey picture, which differs for each `seed`. */
export async function writeGray(path: string, seed = 0): Promise<void> {
  mkdirSync(dirname(path), { recursive: true })
  const levels = Buffer.from(Array.from({ length: 24 * 16 }, (_, i) => (i * 7 + seed * 31) % 251))
  const raw = { width: 24, height: 16, channels: 1 } as const
  const picture = sharp(levels, { raw }).toColourspace('b-w')
  writeFileSync(path, await picture.toFormat(path.endsWith('gif') ? 'gif' : 'png').toBuffer())
}

/** The pictures in a folder and below, sorted. */
export const picturesIn = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.png$/i.test(name))
    .sort()
