/** Runs of `npx colorizer colorize` on the folder of `album.ts`: what is wrong with each. */
import { createHash } from 'node:crypto'
import { chmodSync, type Dirent, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { picture, scene } from '../photographs.ts'
import { type Fate, ROTATED_FILES, ROW_FILES, writeAlbum } from './album.ts'
import type { Place } from './place.ts'

const ALBUM = 'album'
const OUT = `${ALBUM}/coloured`

interface Entry {
  readonly input: string
  readonly output?: string
  readonly skipped?: string
  readonly error?: string
}

export class FolderRuns {
  /** What the first run wrote, by the photographs. */
  readonly #written = new Map<string, string>()

  private constructor(
    private readonly place: Place,
    private readonly fates: Map<string, Fate>,
  ) {}

  static async create(place: Place): Promise<FolderRuns> {
    return new FolderRuns(place, await writeAlbum(place.at(ALBUM)))
  }

  /** Every picture is coloured or named, and what is written can be read and has the photograph's size. */
  async first(): Promise<string[]> {
    const before = this.#content()
    const { files, problems } = this.#colorize()
    const after = this.#content()
    const found = new Map(files.map((entry) => [entry.input, fateOf(entry)]))
    for (const [name, fate] of this.fates) {
      const is = found.get(`${ALBUM}/${name}`) ?? 'passed over'
      if (is !== fate) problems.push(`${JSON.stringify(name)} is ${is} instead of ${fate}`)
    }
    for (const { input } of files)
      if (!this.fates.has(input.slice(ALBUM.length + 1)))
        problems.push(`${input} is no picture of the folder`)
    for (const { input, output } of files) if (output !== undefined) this.#written.set(input, output)
    if (new Set(this.#written.values()).size < this.#written.size) problems.push('two pictures have one name')
    for (const pair of this.#written) problems.push(...(await this.#pictureProblems(...pair)))
    for (const [path, digest] of before) if (after.get(path) !== digest) problems.push(`${path} was changed`)
    return problems
  }

  /** Photographs and what was made of them, by what they are: one of each row of docs/formats.md, and some that lie on their side. */
  *pairs(): Generator<readonly [name: string, paths: readonly [before: string, after: string]]> {
    const written = new Map(
      [...this.#written].map(([input, output]) => [input.slice(ALBUM.length + 1), output]),
    )
    for (const [name, path] of [...ROW_FILES, ...ROTATED_FILES]) {
      const output = written.get(path) ?? `${path}, which was not coloured`
      yield [name, [this.place.at(`${ALBUM}/${path}`), this.place.at(output)]]
    }
  }

  /** Nothing is done, and nothing changes. */
  async second(): Promise<string[]> {
    const before = this.#content()
    const { files, problems } = this.#colorize()
    const coloured = [...this.fates].filter(([, fate]) => fate === 'coloured').length
    const count = (why: string) => files.filter(({ skipped }) => skipped === why).length
    const [done, own] = [count('done'), count('made by this program')]
    if (done !== coloured || own !== coloured)
      problems.push(`${coloured} pictures, but ${done} done and ${own} own`)
    problems.push(
      ...files.flatMap(({ output }) => (output === undefined ? [] : [`${output} was written again`])),
    )
    const after = this.#content()
    if (JSON.stringify([...after]) !== JSON.stringify([...before])) problems.push('files have changed')
    return problems
  }

  /** Only a photograph that is new, one that has changed and one whose picture is gone are coloured. */
  async third(): Promise<string[]> {
    const [changed, fresh, gone] = ['a PNG.jpg', 'new.jpg', 'equal/a.png']
    const jpeg = await picture(1, false, (x, y) => 1 - scene(x, y))
      .jpeg()
      .toBuffer()
    for (const name of [changed, fresh]) writeFileSync(this.place.at(`${ALBUM}/${name}`), jpeg)
    rmSync(this.place.at(`${OUT}/${gone}`))
    const { files, problems } = this.#colorize()
    const written = files.flatMap(({ input, output }) =>
      output === undefined ? [] : [input.slice(ALBUM.length + 1)],
    )
    const wanted = [changed, fresh, gone].sort()
    return JSON.stringify(written.sort()) === JSON.stringify(wanted)
      ? problems
      : [...problems, `coloured ${written}`]
  }

  /** Whoever removes the folder may look into all of it. */
  unlock(): void {
    chmodSync(this.place.at(`${ALBUM}/locked`), 0o755)
  }

  #colorize(): { files: readonly Entry[]; problems: string[] } {
    const quick = ['--size', '32', '--classifier', 'none', '--json', '--quiet']
    const ended = this.place.npxAsUser(['colorizer', 'colorize', ALBUM, '-o', OUT, ...quick], [ALBUM])
    const document = /^\{.*\}$/ms.exec(ended.stdout)?.[0]
    if (document === undefined) return { files: [], problems: [...ended.problems, 'no JSON'] }
    return {
      files: JSON.parse(document).files,
      problems: ended.code === 1 ? [] : [`exit code ${ended.code}`],
    }
  }

  async #pictureProblems(input: string, output: string): Promise<string[]> {
    const [from, to] = [this.place.at(input), this.place.at(output)]
    const [{ autoOrient: before }, { autoOrient: after }] = [
      await sharp(from, { failOn: 'none' }).metadata(),
      await sharp(to).metadata(),
    ]
    const isSame = before.width === after.width && before.height === after.height
    await sharp(to, { failOn: 'warning' }).stats() // throws where it is not whole
    return isSame ? [] : [`${output} has another size than ${input}`]
  }

  /** Digests of the files that can be read, by their paths. */
  #content(): Map<string, string> {
    const paths = [...filesBelow(this.place.at(ALBUM))].sort()
    return new Map(paths.map((path) => [path, digestOf(path)]))
  }
}

/** Of folders that may be looked into; links are not followed. */
function* filesBelow(folder: string): Generator<string> {
  let entries: Dirent[] = []
  try {
    entries = readdirSync(folder, { withFileTypes: true })
  } catch {
    return
  }
  for (const entry of entries) {
    if (entry.isDirectory()) yield* filesBelow(join(folder, entry.name))
    else if (entry.isFile()) yield join(folder, entry.name)
  }
}

function digestOf(path: string): string {
  try {
    return createHash('sha256').update(readFileSync(path)).digest('hex')
  } catch {
    return 'cannot be read'
  }
}

function fateOf({ output, skipped }: Entry): Fate {
  if (output !== undefined) return 'coloured'
  return skipped === 'in colour' ? skipped : 'failed'
}
