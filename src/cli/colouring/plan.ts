/** What will be coloured and where to, decided before the first picture. */
import { UserError } from '../../errors.ts'
import { folded, identity } from '../../node/files.ts'
import { madeHere } from '../../node/formats/made.ts'
import { type Journal, Journals } from '../../node/journal.ts'
import type { PhotoPath, Unreadable } from '../../node/photos.ts'
import { sha256File } from '../../node/store/fetch.ts'
import { allOf, type Files, type Naming, namesFor } from './names.ts'

export const MADE = 'made by this program'
/** Why a photograph is left out. */
export type Why = 'done' | 'in colour' | typeof MADE

export interface Job extends Files {
  readonly photo: PhotoPath
  /** Of the photograph among all, from 0. */
  readonly place: number
}

export interface Skipped {
  readonly input: string
  readonly skipped: Why
}

/** What is to be done with each photograph, in order. */
export type Planned = Job | Skipped | Unreadable

export interface PlanOptions extends Naming {
  /** Digest of what pictures are made with. */
  readonly settings: string
  /** Whether what is done already is done anew. */
  readonly force: boolean
  /** Lists the pictures in `out`. */
  readonly journal: Journal
}

/** Decides for all photographs at once, so that none overwrites another one or its picture. Reads files, and writes none. */
export async function planFor(photos: readonly PhotoPath[], options: PlanOptions): Promise<Planned[]> {
  const planned: (Planned | null)[] = []
  const journals = new Journals()
  for (const { path: input } of photos) planned.push(await leftOut(input, journals, options))
  const originals = new Map<string, string>()
  for (const [place, { path }] of photos.entries())
    if (!planned[place]) originals.set((await identity(path)) ?? path, path)
  const planner = new Planner(originals, options)
  // those with pictures first, so that they keep their names
  for (const isKnown of [true, false]) {
    for (const [place, photo] of photos.entries()) {
      if (!planned[place] && options.journal.hasMade(photo.path) === isKnown)
        planned[place] = await planner.plan(photo, place)
    }
  }
  return planned as Planned[]
}

/** What nothing is made of, whatever its picture would be called; null for other photographs. */
async function leftOut(
  input: string,
  journals: Journals,
  { journal, settings, force }: PlanOptions,
): Promise<Skipped | null> {
  if (!force && (await journal.isInColour(input, settings))) return { input, skipped: 'in colour' }
  if (await journal.hasSeen(input)) return null
  const isOwn =
    (await journal.isAsWritten(input)) || (await journals.list(input)) || (await madeHere(input)) !== null
  return isOwn ? { input, skipped: MADE } : null
}

/** Names that are tried to find the one that a picture had before. */
const MOST_NAMES = 100

class Planner {
  /** Files of this plan, folded. */
  readonly #taken = new Set<string>()

  /** @param originals the photographs by their identity */
  constructor(
    private readonly originals: ReadonlyMap<string, string>,
    private readonly options: PlanOptions,
  ) {}

  async plan(photo: PhotoPath, place: number): Promise<Planned> {
    const input = photo.path
    try {
      const files = await this.#filesFor(photo)
      for (const file of allOf(files)) this.#taken.add(folded(file))
      return (await this.#isDone(photo, files)) ? { input, skipped: 'done' } : { photo, place, ...files }
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      return { input, error: error.message }
    }
  }

  /** The names of before, else the first ones that no other picture has. Throws as `#isTaken`. */
  async #filesFor(photo: PhotoPath): Promise<Files> {
    for (const files of this.#candidates(photo)) {
      let isTaken = false
      for (const file of allOf(files)) isTaken ||= await this.#isTaken(file, photo)
      if (!isTaken) return files
    }
    throw inTheWay(photo, `${this.options.out}, which was made of another photograph`)
  }

  *#candidates(photo: PhotoPath): Generator<Files, void> {
    const { journal } = this.options
    let tried = 0
    for (const files of namesFor(photo, this.options)) {
      if (!journal.hasMade(photo.path) || ++tried > MOST_NAMES) break
      if (!journal.hasMade(photo.path, files.outputs[0])) continue
      yield files
      break
    }
    yield* namesFor(photo, this.options)
  }

  /** Whether the file is another photograph's picture. Throws a `UserError` when it is neither that nor of this photograph. */
  async #isTaken(file: string, photo: PhotoPath): Promise<boolean> {
    if (this.#taken.has(folded(file))) return true
    const found = await identity(file)
    if (found === null) return false
    const original = this.originals.get(found)
    if (original !== undefined) throw inTheWay(photo, `the photograph ${original}`)
    const { journal } = this.options
    const listed = await journal.listed(file)
    if (listed === null) {
      if (await this.#saysSo(file, photo)) return false
      throw inTheWay(photo, `${file}, which this program did not make of it`)
    }
    if (!(await journal.isOf(listed, photo.path))) return true
    if (!(await journal.isAsWritten(listed)))
      throw inTheWay(photo, `${file}, which was changed since it was coloured`)
    return false
  }

  /** Whether the file itself says that it was made of the photograph: where the journal is lost. */
  async #saysSo(file: string, { path }: PhotoPath): Promise<boolean> {
    const { source } = (await madeHere(file))?.settings ?? {}
    return source !== undefined && source === sourceDigest(await sha256File(path))
  }

  async #isDone({ path }: PhotoPath, files: Files): Promise<boolean> {
    const { force, journal, settings } = this.options
    if (force) return false
    for (const file of allOf(files)) {
      if ((await identity(file)) === null) return false
      // of files that only say what they were made of nobody knows whether they were worked on since
      const listed = await journal.listed(file)
      if (listed !== null && !(await journal.isCurrent(listed, path, settings))) return false
    }
    return true
  }
}

/** Of the photograph's SHA-256 what its picture says. */
export const sourceDigest = (sha256: string) => sha256.slice(0, 16)

const inTheWay = ({ path }: PhotoPath, what: string) =>
  new UserError(`the coloured ${path} would overwrite ${what}; colour it with another -o`)
