/** Plans and runs of `colorize` on folders, with a painter that needs no GPU: it gives every picture one colour. */
import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import sharp from 'sharp'
import { type Planned, type PlanOptions, planFor } from '../src/cli/colouring/plan.ts'
import { type RunOptions, runPlan } from '../src/cli/colouring/run.ts'
import { PICTURE_ENDINGS } from '../src/node/formats/kinds.ts'
import { JOURNAL, Journal } from '../src/node/journal.ts'
import { findEach } from '../src/node/photos.ts'
import { flatPainter } from './flat-painter.ts'

export const onePainter = flatPainter()

/** A folder below `root` for one test alone, with places in it for the photographs and for what is made of them. */
export function freshPlaces(root: string, name: string) {
  const folder = mkdtempSync(join(root, `${name}-`))
  const [album, out] = [join(folder, 'album'), join(folder, 'out')]
  return {
    folder,
    album,
    out,
    inAlbum: (file: string) => join(album, file),
    inOut: (file: string) => join(out, file),
  }
}

export const silent = { say: () => {}, warn: () => {}, progress: () => {} }

export type Changes = Partial<PlanOptions> & Partial<RunOptions>

/** What one run of the program does, with the plan that it makes. */
export async function colour(out: string, inputs: readonly string[], changes: Changes = {}) {
  const running = await runningOf(out, changes)
  return runPlan(await planOf(out, inputs, { ...changes, journal: running.journal }), running)
}

/** What is to be done with `inputs`. */
export async function planOf(
  out: string,
  inputs: readonly string[],
  changes: Changes & Pick<PlanOptions, 'journal'>,
  search: { readonly mayBeEmpty?: boolean } = {},
): Promise<Planned[]> {
  const naming = { out, isFile: false, variants: null, compare: false }
  const { photos, failures } = await findEach(inputs, { endings: PICTURE_ENDINGS, ...search })
  return [...failures, ...(await planFor(photos, { ...naming, settings: 'usual', force: false, ...changes }))]
}

/** How it is done. */
export async function runningOf(out: string, changes: Changes = {}): Promise<RunOptions> {
  return {
    ...{ hints: undefined, jobs: 2, settings: 'usual', values: {}, terminal: silent },
    ...{ interrupted: new AbortController().signal, journal: await Journal.open(join(out, JOURNAL)) },
    open: async () => ({ painter: onePainter, file: { making: { weights: 'one colour', settings: {} } } }),
    ...changes,
  }
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
