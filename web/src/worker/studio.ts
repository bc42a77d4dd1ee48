import { UserError } from '../../../src/errors.ts'
import { hintIn } from '../../../src/infer/picture.ts'
import { parseManifest } from '../../../src/io/manifest.ts'
import { Assets } from '../../../src/web/assets.ts'
import { imageDataOf } from '../../../src/web/images.ts'
import {
  Colorizer,
  type Hint,
  type OnBytes,
  type PhotoStudy,
  type StudyOptions,
} from '../../../src/web/index.ts'
import type { Look } from '../look.ts'
import type { Seen, Started, Wanted } from './methods.ts'
import { type EncodeOptions, Picture } from './picture.ts'
import type { Colouring, View } from './recombine.ts'

/** This code is in the page's folder `assets/`. */
const ASSETS = new URL(/* @vite-ignore */ '../weights/', import.meta.url)
/** Milliseconds after which a browser has told that the adapter was lost, if that is why something failed. */
const TOLD = 100
/** The browser's cache that keeps weights. */
const CACHE = 'weights'

/** What a network has seen of a picture. */
interface SeenPicture {
  /** Whether the network tells how likely each colour is. */
  readonly hasVersions: boolean
  readonly study: PhotoStudy<unknown>
  /** What people should know of the picture. */
  readonly notes: readonly string[]
  readonly isToned: boolean
}

/** A picture, and what the network has seen and made of it. */
interface Studied {
  readonly picture: Picture
  readonly closed: AbortController
  /** By which network it is or was looked at, and what that saw. */
  looked: { readonly by: Promise<Colorizer>; readonly seen: Promise<SeenPicture> } | null
  colouring: Colouring | null
  /** Files that are being made of it. */
  readonly encodings: Set<Promise<Blob>>
}

/** Pictures and the network that colours them. An adapter that is lost is opened again, and what was going on done again. */
export class Studio {
  readonly #pictures = new Map<number, Studied>()
  /** Raised by the first picture: compiling ahead would only keep that waiting. */
  readonly #chosen = new AbortController()
  #last = 0
  #colorizer: Promise<Colorizer> | null = null
  #wanted: Wanted = { weights: 'lite' }

  /** @throws UserError as `Colorizer.create` */
  async start(wanted: Wanted, onProgress: OnBytes): Promise<Started> {
    this.#wanted = wanted
    const before = this.#colorizer
    const opening = this.#open(onProgress)
    await (await before?.catch(() => null))?.dispose()
    const colorizer = await (this.#colorizer ?? opening) // perhaps another one by now
    void compileKernels(colorizer, this.#chosen.signal).catch(() => {}) // the first picture will tell what is wrong
    return { adapter: colorizer.adapterName, hasVersions: colorizer.givesProbabilities }
  }

  /** Names of the colourisers that come with the page. */
  async networks(): Promise<readonly string[]> {
    const response = await fetch(new URL('manifest.json', ASSETS))
    return parseManifest(await response.text())
      .filter(({ kind, shipped }) => shipped && kind === 'colouriser')
      .map(({ name }) => name)
  }

  /** The package's weights, from which a training begins. */
  assets(): Assets {
    return new Assets({ where: () => ASSETS, cache: CACHE, onBytes: () => {} })
  }

  /** One that cannot be opened is forgotten, so that the next call tries again. */
  #open(onProgress?: OnBytes): Promise<Colorizer> {
    const { weights, file } = this.#wanted
    const opening = Colorizer.create({ assets: ASSETS, cache: CACHE, weights: file ?? weights, onProgress })
    this.#colorizer = opening
    opening.catch(() => {
      if (this.#colorizer === opening) this.#colorizer = null
    })
    return opening
  }

  /** @throws UserError when the browser cannot decode the file */
  async add(file: Blob): Promise<{ readonly id: number; readonly picture: Picture }> {
    this.#chosen.abort()
    const picture = await Picture.of(file)
    const id = ++this.#last
    const closed = new AbortController()
    this.#pictures.set(id, { picture, closed, looked: null, colouring: null, encodings: new Set() })
    return { id, picture }
  }

  /** Asks the network for a picture's colours. Throws as `PhotoStudy.colours`. */
  async colour(
    id: number,
    hints: readonly Hint[],
    { signal, ...version }: Pick<StudyOptions, 'temperature' | 'variant' | 'signal'>,
  ): Promise<Seen> {
    const studied = this.#of(id)
    return this.#withStudy(studied, async ({ study, hasVersions, notes, isToned }) => {
      const { picture } = studied
      const asked = { hints: insideOf(picture, hints), ...(hasVersions ? version : {}), signal }
      const colours = await study.colours(asked)
      studied.colouring = picture.colouringOf(colours, study.saturation)
      return { classes: study.classes, notes, isToned }
    })
  }

  /** Throws as `PhotoStudy.likely`. */
  likely(id: number, { x, y }: Pick<Hint, 'x' | 'y'>, hints: readonly Hint[]) {
    const studied = this.#of(id)
    return this.#withStudy(studied, ({ study }) => {
      const [place] = insideOf(studied.picture, [{ x, y, color: '#000000' }])
      return study.likely({ x: place!.x, y: place!.y }, { hints: insideOf(studied.picture, hints) })
    })
  }

  /** A part of a picture in colours. Throws as `Picture.coloured`. */
  async coloured(id: number, view: View, look: Look): Promise<Uint8ClampedArray<ArrayBuffer>> {
    const studied = this.#of(id)
    return studied.picture.coloured(view, colouringOf(studied), look)
  }

  /** A picture in colours as a file, also where it is removed meanwhile. Throws as `Picture.encode`. */
  async encode(id: number, look: Look, options: EncodeOptions): Promise<Blob> {
    const studied = this.#of(id)
    const encoding = studied.picture.encode(colouringOf(studied), look, options)
    studied.encodings.add(encoding)
    try {
      return await encoding
    } finally {
      studied.encodings.delete(encoding)
    }
  }

  picture(id: number): Picture {
    return this.#of(id).picture
  }

  async remove(id: number): Promise<void> {
    const { picture, closed, looked, encodings } = this.#of(id)
    this.#pictures.delete(id)
    closed.abort()
    await Promise.allSettled(encodings) // which draw the picture
    picture.close()
    const seen = await looked?.seen.catch(() => null) // it may be looked at just now
    await seen?.study.dispose()
  }

  #of(id: number): Studied {
    const studied = this.#pictures.get(id)
    if (studied) return studied
    throw new UserError('this picture was closed', 'usage')
  }

  async #withStudy<T>(studied: Studied, work: (seen: SeenPicture) => Promise<T>): Promise<T> {
    const opening = this.#colorizer ?? this.#open()
    try {
      return await work(await this.#look(opening, studied))
    } catch (error) {
      const colorizer = await opening.catch(() => null)
      if (colorizer) await new Promise((resolve) => setTimeout(resolve, TOLD))
      // another network was chosen
      if (this.#colorizer && this.#colorizer !== opening) return this.#withStudy(studied, work)
      if (!colorizer?.isLost) throw error
      await this.#reopen(opening)
      return work(await this.#look(this.#colorizer ?? this.#open(), studied))
    }
  }

  /** Once, however many notice that it was lost. */
  async #reopen(lost: Promise<Colorizer>): Promise<void> {
    if (this.#colorizer !== lost) return
    void this.#open()
    await (await lost).dispose().catch(() => {}) // there may be nothing left to free
  }

  /** Once for each network, however many ask at the same time. */
  #look(by: Promise<Colorizer>, studied: Studied): Promise<SeenPicture> {
    if (studied.looked?.by === by) return studied.looked.seen
    const seen = look(by, studied)
    studied.looked = { by, seen }
    seen.catch(() => {
      if (studied.looked?.seen === seen) studied.looked = null
    })
    return seen
  }
}

function colouringOf({ colouring }: Studied): Colouring {
  if (!colouring) throw new UserError('this picture has no colours yet', 'usage')
  return colouring
}

/** The picture is made ready while the network still comes. */
async function look(
  opening: Promise<Colorizer>,
  { picture, closed: { signal } }: Studied,
): Promise<SeenPicture> {
  const { seen, ...known } = await picture.prepare()
  const colorizer = await opening
  const study = await colorizer.study(imageDataOf(seen), { signal })
  return { study, hasVersions: colorizer.givesProbabilities, ...known }
}

/** Hints for the part of a picture that the network sees. */
const insideOf = (picture: Picture, hints: readonly Hint[]) =>
  hints.map((hint) => hintIn(hint, picture, picture.content))

/** Compiles what pictures need while none is chosen yet: kernels take sizes as parameters, so a picture of any size will do. */
async function compileKernels(colorizer: Colorizer, signal: AbortSignal): Promise<void> {
  await using study = await colorizer.study(new ImageData(4, 3), { signal })
  await study.colours({ signal })
}
