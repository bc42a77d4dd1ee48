/** What an evaluation leaves behind to look at: a contact sheet, a page of all pictures, pairs to ask people about. */
import { join } from 'node:path'
import type { Photo } from '../color/photo.ts'
import { UserError } from '../errors.ts'
import { encode, shrunkTo } from '../node/image.ts'
import { pairSheet } from '../node/pair-sheet.ts'
import { makeFolder, saveFile } from '../node/save.ts'
import { STREAM, uniform4 } from '../random.ts'
import { advised } from './advice.ts'
import type { Each } from './each.ts'
import type { Evaluated, Painting } from './measure-photos.ts'
import { pageOf, type Row } from './report-page.ts'
import type { Terminal } from './terminal.ts'

/** Takes the pictures one by one as they are painted. Its methods throw a `UserError` when a file cannot be written. */
export interface Album {
  add(painting: Painting): Promise<void>
  /** @param text what the evaluation says */
  finish(text: string): Promise<void>
}

/** An album that an option asks for. The figures are worth having even without it: what cannot be written is warned of, once. */
export class AskedAlbum implements Album {
  isLost = false

  /** @param path of its file or folder */
  constructor(
    readonly option: 'report' | 'pairs',
    readonly path: string,
    private readonly album: Album,
    private readonly terminal: Pick<Terminal, 'warn' | 'progress'>,
  ) {}

  add(painting: Painting): Promise<void> {
    return this.#attempt(() => this.album.add(painting))
  }

  finish(text: string): Promise<void> {
    this.terminal.progress(`drawing ${this.path}`)
    return this.#attempt(() => this.album.finish(text))
  }

  async #attempt(write: () => Promise<void>): Promise<void> {
    if (this.isLost) return
    try {
      await write()
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      this.terminal.warn(advised(error))
      this.isLost = true
    }
  }
}

/** One file, drawn at the end. */
export function sheetAlbum(file: string, draw: (all: readonly Evaluated[]) => Promise<Buffer>): Album {
  const all: Evaluated[] = []
  return {
    add: async ({ evaluated }) => void all.push(evaluated),
    finish: async () => saveFile(file, await draw(all)),
  }
}

/** Where the key of a folder of pairs is written: beside it, so that the folder itself can be shown to anybody. */
export const keyOf = (folder: string) => `${folder.replace(/[\\/]+$/, '')}-key.json`

/** Sheets of original and coloured picture side by side, in an order by chance that only the key tells. */
export function pairAlbum(folder: string, seed: number): Album {
  const key: { number: number; file: string; original: 'A' | 'B'; input: string }[] = []
  return {
    async add({ original, painted, evaluated: { input } }) {
      const number = key.length + 1
      const file = `${numbered(number)}.png`
      const isFirst = uniform4(seed, STREAM.pairs, number)[0] < 0.5
      const { result } = painted
      const pair = isFirst ? ([original, result] as const) : ([result, original] as const)
      await saveFile(join(folder, file), await pairSheet(number, pair))
      key.push({ number, file, original: isFirst ? 'A' : 'B', input })
    },
    finish: () => saveFile(keyOf(folder), Buffer.from(`${JSON.stringify(key, null, 2)}\n`)),
  }
}

/** Longest side of a picture on the page in px. */
const SHOWN = 640

/**
 * A page index.html of all pictures and their figures.
 * @param titles of the pictures
 */
export function pageAlbum(folder: string, titles: Each<string>): Album {
  const rows: Row[] = []
  return {
    async add({ original, painted, evaluated: { input, scores } }) {
      if (rows.length === 0) await makeFolder(join(folder, 'pictures'))
      const number = numbered(rows.length + 1)
      const pictures: Row['pictures'][number][] = []
      const shown = [...shownOf(painted), original]
      for (const [i, title] of [...shownOf(titles), 'original'].entries()) {
        const file = `pictures/${number}-${i}-${fileName(title)}.jpg`
        pictures.push({ title, file, ...(await savePicture(join(folder, file), shown[i]!)) })
      }
      rows.push({ input, scores: scores.result, pictures })
    },
    finish: (text) => saveFile(join(folder, 'index.html'), Buffer.from(pageOf(rows, text))),
  }
}

/** What the page shows, from left to right. */
const shownOf = <T>({ gray, result, saturated = [], classified = [], against = [] }: Each<T>): T[] => [
  ...[gray, result],
  ...[...saturated, ...classified, ...against],
]

async function savePicture(path: string, photo: Photo): Promise<{ width: number; height: number }> {
  const shown = await shrunkTo(photo, SHOWN)
  await saveFile(path, await encode(shown, 'jpeg'))
  return { width: shown.width, height: shown.height }
}

const numbered = (number: number) => String(number).padStart(4, '0')
const fileName = (title: string) => title.replace(/[^\w.]+/g, '-').slice(-40)
