import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { dirname, extname } from 'node:path'
import { grayOf } from '../color/paint.ts'
import type { Photo } from '../color/photo.ts'
import { UserError } from '../errors.ts'
import { colorizePhoto, type Painter, type PaintOptions, type SeenClass } from '../infer/colorizer.ts'
import { type HintFile, hintsFor } from '../io/hints.ts'
import { encode, imageFormat, PHOTO_EXTENSIONS, photoSize, readPhoto, readPhotoFile } from '../node/image.ts'
import { type Journal, stampOf, type Written } from '../node/journal.ts'
import type { Unreadable } from '../node/photos.ts'
import { makeFolder, saveFile } from '../node/save.ts'
import { contactSheet, type SheetRow } from '../node/sheet.ts'
import { Turns } from '../turns.ts'
import { advised } from './advice.ts'
import { Room } from './colouring/parallel.ts'
import type { Job, Skipped } from './colouring/plan.ts'

/** A coloured picture that was written. */
export interface Coloured {
  readonly input: string
  readonly output: string
  readonly width: number
  readonly height: number
  /** For all pictures of the photograph. */
  readonly milliseconds: number
  /** What the classifier saw, the likeliest five; left out without one. */
  readonly classes?: readonly SeenClass[]
}

export type Outcome = Coloured | Skipped | Unreadable

export interface ColorizeOptions {
  readonly painting: PaintOptions
  /** For the only photograph. */
  readonly hints: HintFile | undefined
  /** Of the versions that are drawn, where there are to be several. */
  readonly seed?: number | undefined
  /** Digest of what the pictures are made with. */
  readonly settings: string
  /** Lists what is written. */
  readonly journal: Journal
  /** Is shown every photograph that was coloured. */
  readonly onColoured?: OnColoured | undefined
}

/** @param first of the pictures that `row` shows */
export type OnColoured = (row: SheetRow, first: Coloured, job: Job) => Promise<void>

/** Pixels of the photographs that are decoded at once. */
const PIXELS_AT_ONCE = 64e6

/** Colours photographs into files. Calls may overlap: while one photograph is on the GPU, others are decoded and encoded. */
export class FileColorizer {
  readonly #gpu = new Turns()
  readonly #memory = new Room(PIXELS_AT_ONCE)

  constructor(
    private readonly painter: Painter,
    private readonly options: ColorizeOptions,
  ) {}

  /** Writes the pictures of one photograph. Trouble with it is returned, not thrown. */
  async colorize(job: Job): Promise<readonly Outcome[]> {
    const input = job.photo.path
    try {
      const stamp = (await stampOf(input)) ?? ''
      const bytes = await readPhotoFile(input)
      const { width, height } = await photoSize(bytes, input)
      const source = { bytes, stamp, of: digestOf(bytes) }
      return await this.#memory.with(width * height, () => this.#colorize(job, source))
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      return [{ input, error: advised(error) }]
    }
  }

  async #colorize(job: Job, source: Source): Promise<Coloured[]> {
    const started = performance.now()
    const { hints: file, onColoured } = this.options
    const { path: input, relative: caption } = job.photo
    const photo = await readPhoto(source.bytes, input)
    const painting = { ...this.options.painting, hints: file && hintsFor(file, input, photo) }
    const painted: (Coloured & { readonly photo: Photo })[] = []
    for (const [i, output] of job.outputs.entries()) {
      const variant = this.#variant(painting, i)
      const coloured = await this.#gpu.take(() => colorizePhoto(this.painter, photo, variant))
      await this.#write(job, source, output, await encode(coloured.photo, imageFormat(output)))
      const { width, height } = photo
      const classes = coloured.classes.length ? { classes: coloured.classes } : {}
      painted.push({ input, output, width, height, milliseconds: 0, ...classes, photo: coloured.photo })
    }
    const milliseconds = () => Math.round(performance.now() - started)
    if (job.comparison !== null || onColoured) {
      const [ours, ...others] = painted.map((picture) => picture.photo) as [Photo, ...Photo[]]
      const row = { gray: grayOf(photo), ours, others, caption }
      if (job.comparison !== null) await this.#compare(job, source, row)
      await onColoured?.(row, { ...painted[0]!, milliseconds: milliseconds() }, job)
    }
    return painted.map(({ photo: _, ...result }) => ({ ...result, milliseconds: milliseconds() }))
  }

  /** The version of this place among those of a photograph. */
  #variant({ leaning, ...painting }: PaintOptions, i: number): PaintOptions {
    const { seed } = this.options
    const variant = seed === undefined ? undefined : { seed, number: i }
    return { ...painting, leaning: { ...leaning, variant } }
  }

  async #compare(job: Job, source: Source, { caption: _, ...row }: SheetRow): Promise<void> {
    const names = namesOf(job.outputs.length)
    await this.#write(job, source, job.comparison!, await contactSheet([row], { names }))
  }

  #write({ photo }: Job, { of, stamp }: Source, output: string, bytes: Uint8Array): Promise<void> {
    const { journal, settings } = this.options
    return writeListed(journal, output, bytes, { input: photo.path, of, settings, stamp })
  }
}

/** Writes a picture and lists it in the journal. */
export async function writeListed(
  journal: Journal,
  output: string,
  bytes: Uint8Array,
  { stamp = '', ...made }: Omit<Written, 'output' | 'sha256'> & { readonly stamp?: string } = {},
): Promise<void> {
  await makeFolder(dirname(output))
  await journal.begin({ output, sha256: digestOf(bytes), ...made })
  await saveFile(output, bytes)
  await journal.end(output, stamp)
}

/** A photograph's file. */
interface Source {
  readonly bytes: Uint8Array
  /** Digest of them. */
  readonly of: string
  readonly stamp: string
}

const digestOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/** What stands above pictures that are shown beside the grey one. */
export const namesOf = (variants: number): string[] =>
  variants === 1 ? ['ours'] : Array.from({ length: variants }, (_, i) => `variant ${i + 1}`)

/** Whether `out` names a picture rather than a folder: it has the ending of one, and is no folder that exists. */
export async function isFile(out: string): Promise<boolean> {
  if (!PHOTO_EXTENSIONS.includes(extname(out).toLowerCase()) || /[\\/]$/.test(out)) return false
  return stat(out).then(
    (found) => !found.isDirectory(),
    () => true,
  )
}
