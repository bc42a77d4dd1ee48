import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { dirname, extname } from 'node:path'
import { UserError } from '../errors.ts'
import type { Painter, SeenClass } from '../infer/colorizer.ts'
import { type Hint, type HintFile, hintsFor } from '../io/hints.ts'
import type { Pieces } from '../node/files.ts'
import type { ColouredFile, FileOptions } from '../node/formats/colorize.ts'
import { formatOfName, PICTURE_ENDINGS } from '../node/formats/kinds.ts'
import { colorizeAny } from '../node/formats/large.ts'
import { photoSize, readPhotoFile } from '../node/image.ts'
import { type Journal, stampOf, type Written } from '../node/journal.ts'
import { Room } from '../node/parallel.ts'
import type { Unreadable } from '../node/photos.ts'
import { makeFolder, saveFile } from '../node/save.ts'
import { contactSheet, type SheetRow } from '../node/sheet.ts'
import { isDiskFull } from '../node/trouble.ts'
import { advised } from './advice.ts'
import { type Job, type Skipped, sourceDigest } from './colouring/plan.ts'

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
  /** What was not as it should be, or is lost; left out where nothing is. */
  readonly remarks?: readonly string[]
}

export type Outcome = Coloured | Skipped | Unreadable

export interface ColorizeOptions {
  /** How files are read, coloured and written. */
  readonly file: FileOptions
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
  readonly #memory = new Room(PIXELS_AT_ONCE)
  readonly #diskFull = new AbortController()

  constructor(
    private readonly painter: Painter,
    private readonly options: ColorizeOptions,
  ) {}

  /** Raised once a picture has found no room on its disk. */
  get diskFull(): AbortSignal {
    return this.#diskFull.signal
  }

  /** Writes the pictures of one photograph. Trouble with it is returned, not thrown. */
  async colorize(job: Job): Promise<readonly Outcome[]> {
    const input = job.photo.path
    try {
      const stamp = (await stampOf(input)) ?? ''
      const bytes = await readPhotoFile(input)
      const { width, height } = await photoSize(bytes, input)
      const hints = this.options.hints && hintsFor(this.options.hints, input, { width, height })
      const source = { bytes, stamp, of: digestOf(bytes), hints }
      return await this.#memory.with(width * height, () => this.#colorize(job, source))
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      if (isDiskFull(error)) this.#diskFull.abort()
      return [{ input, error: advised(error) }]
    }
  }

  async #colorize(job: Job, source: Source): Promise<readonly Outcome[]> {
    const started = performance.now()
    const input = job.photo.path
    const made: ColouredFile[] = []
    for (const [i, output] of job.outputs.entries()) {
      const options = this.#fileOptions(source, output, i)
      const coloured = await colorizeAny(this.painter, source.bytes, input, options)
      if ('skipped' in coloured) {
        await this.options.journal.leaveOut(input, source.stamp, this.options.settings)
        return [{ input, ...coloured }]
      }
      await this.#write(job, source, output, coloured.parts)
      made.push({ ...coloured, parts: [] })
    }
    await this.#compare(job, source, made)
    const milliseconds = Math.round(performance.now() - started)
    const results = made.map(({ width, height, classes, remarks }, i) => ({
      ...{ input, output: job.outputs[i]!, width, height, milliseconds },
      ...(classes.length ? { classes } : {}),
      ...(remarks.length ? { remarks } : {}),
    }))
    await this.options.onColoured?.({ ...rowOf(made), caption: job.photo.relative }, results[0]!, job)
    return results
  }

  /** For the picture or version of this place among those of a photograph. */
  #fileOptions({ of, hints }: Source, output: string, i: number): FileOptions {
    const { file, seed } = this.options
    const { leaning, making, format = formatOfName(output) } = file
    const version = seed === undefined ? {} : { variant: { seed, number: i } }
    const drawn = seed === undefined ? {} : { seed, variant: i + 1 }
    return {
      ...{ ...file, format, hints, leaning: { ...leaning, ...version } },
      making: making && { ...making, settings: { ...making.settings, ...drawn, source: sourceDigest(of) } },
    }
  }

  async #compare(job: Job, source: Source, made: readonly ColouredFile[]): Promise<void> {
    if (job.comparison === null) return
    const sheet = await contactSheet([rowOf(made)], { names: namesOf(job.outputs.length) })
    await this.#write(job, source, job.comparison, [sheet])
  }

  #write({ photo }: Job, { of, stamp }: Source, output: string, parts: Parts): Promise<void> {
    const { journal, settings } = this.options
    return writeListed(journal, output, parts, { input: photo.path, of, settings, stamp })
  }
}

function rowOf([first, ...others]: readonly ColouredFile[]): SheetRow {
  return { gray: first!.before, ours: first!.after, others: others.map(({ after }) => after) }
}

/** Writes a picture and lists it in the journal. */
export async function writeListed(
  journal: Journal,
  output: string,
  parts: Parts,
  { stamp = '', ...made }: Omit<Written, 'output' | 'sha256'> & { readonly stamp?: string } = {},
): Promise<void> {
  await makeFolder(dirname(output))
  const hash = createHash('sha256')
  const hashed: Pieces = async (write) => {
    const each = (piece: Uint8Array) => write(piece).then(() => void hash.update(piece))
    if (typeof parts === 'function') return parts(each)
    for (const part of parts) await each(part)
  }
  await saveFile(output, hashed, () => journal.begin({ output, sha256: hash.digest('hex'), ...made }))
  await journal.end(output, stamp)
}

/** A file, in parts, or as it is made. */
type Parts = readonly Uint8Array[] | Pieces

/** A photograph's file. */
interface Source {
  readonly bytes: Uint8Array
  /** Digest of them. */
  readonly of: string
  readonly stamp: string
  readonly hints: readonly Hint[] | undefined
}

const digestOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/** What stands above pictures that are shown beside the grey one. */
export const namesOf = (variants: number): string[] =>
  variants === 1 ? ['ours'] : Array.from({ length: variants }, (_, i) => `variant ${i + 1}`)

/** Whether `out` names a picture rather than a folder: it has the ending of one, and is no folder that exists. */
export async function isFile(out: string): Promise<boolean> {
  if (!PICTURE_ENDINGS.includes(extname(out).toLowerCase()) || /[\\/]$/.test(out)) return false
  return stat(out).then(
    (found) => !found.isDirectory(),
    () => true,
  )
}
