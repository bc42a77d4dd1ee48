import type { ColourLines } from '../../../src/color/guided.ts'
import { UserError } from '../../../src/errors.ts'
import { parseManifest } from '../../../src/io/manifest.ts'
import { Assets } from '../../../src/web/assets.ts'
import {
  Colorizer,
  type Hint,
  type OnBytes,
  type PhotoStudy,
  type SeenClass,
} from '../../../src/web/index.ts'
import type { Wanted } from './methods.ts'
import { Picture } from './picture.ts'

/** This code is in the page's folder `assets/`. */
const ASSETS = new URL(/* @vite-ignore */ '../weights/', import.meta.url)
/** The browser's cache that keeps weights. */
const CACHE = 'weights'

/** A picture, and what the network has seen and made of it. */
interface Studied {
  readonly picture: Picture
  study: { readonly of: Colorizer; readonly study: PhotoStudy<unknown> } | null
  colours: ColourLines | null
}

/** Pictures and the network that colours them. An adapter that is lost is opened again, and what was going on done again. */
export class Studio {
  readonly #pictures = new Map<number, Studied>()
  #last = 0
  #colorizer: Promise<Colorizer> | null = null
  #wanted: Wanted = { weights: 'lite' }

  /** @throws UserError as `Colorizer.create` */
  async start(wanted: Wanted, onProgress: OnBytes): Promise<string> {
    this.#wanted = wanted
    const before = this.#colorizer
    this.#colorizer = this.#open(onProgress)
    await (await before?.catch(() => null))?.dispose()
    const colorizer = await this.#colorizer
    void compileKernels(colorizer).catch(() => {}) // the first picture will tell what is wrong
    return colorizer.adapterName
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

  #open(onProgress?: OnBytes): Promise<Colorizer> {
    const { weights, file } = this.#wanted
    return Colorizer.create({ assets: ASSETS, cache: CACHE, weights: file ?? weights, onProgress })
  }

  /** @throws UserError when the browser cannot decode the file */
  async add(file: Blob): Promise<{ readonly id: number; readonly picture: Picture }> {
    const picture = await Picture.of(file)
    const id = ++this.#last
    this.#pictures.set(id, { picture, study: null, colours: null })
    return { id, picture }
  }

  /** Asks the network for a picture's colours. Throws as `PhotoStudy.lines`. */
  async colour(id: number, hints: readonly Hint[], signal: AbortSignal): Promise<readonly SeenClass[]> {
    const studied = this.#of(id)
    return this.#withStudy(studied, async (study) => {
      studied.colours = await study.lines({ hints, signal })
      return study.classes
    })
  }

  /** Throws as `PhotoStudy.likely`. */
  likely(id: number, place: { readonly x: number; readonly y: number }, hints: readonly Hint[]) {
    return this.#withStudy(this.#of(id), (study) => study.likely(place, { hints }))
  }

  /** A picture that has been coloured, and its colours. */
  coloured(id: number): { readonly picture: Picture; readonly colours: ColourLines } {
    const { picture, colours } = this.#of(id)
    if (!colours) throw new UserError('this picture has no colours yet', 'usage')
    return { picture, colours }
  }

  picture(id: number): Picture {
    return this.#of(id).picture
  }

  async remove(id: number): Promise<void> {
    const { picture, study } = this.#of(id)
    this.#pictures.delete(id)
    picture.close()
    await study?.study.dispose()
  }

  #of(id: number): Studied {
    const studied = this.#pictures.get(id)
    if (studied) return studied
    throw new UserError('this picture was closed', 'usage')
  }

  async #withStudy<T>(studied: Studied, work: (study: PhotoStudy<unknown>) => Promise<T>): Promise<T> {
    const colorizer = await this.#colorizer!
    try {
      return await work(await this.#study(colorizer, studied))
    } catch (error) {
      if (!colorizer.isLost) throw error
      this.#colorizer = this.#open()
      return work(await this.#study(await this.#colorizer, studied))
    }
  }

  async #study(colorizer: Colorizer, studied: Studied): Promise<PhotoStudy<unknown>> {
    if (studied.study?.of === colorizer) return studied.study.study
    const shown = await studied.picture.studied()
    try {
      const study = await colorizer.study(shown)
      studied.study = { of: colorizer, study }
      return study
    } finally {
      shown.close()
    }
  }
}

/** Compiles what pictures need while none is chosen yet: kernels take sizes as parameters, so a picture of any size will do. */
async function compileKernels(colorizer: Colorizer): Promise<void> {
  await using study = await colorizer.study(new ImageData(4, 3))
  await study.lines()
}
