import type { Photo } from '../color/photo.ts'
import type { Gpu } from '../device/gpu.ts'
import { UserError } from '../errors.ts'
import { Turns } from '../turns.ts'
import {
  type ColouredPhoto,
  type NetworkPainter,
  type Painter,
  type PaintOptions,
  recognise,
} from './colorizer.ts'
import { type ColourOptions, expectControl, leaningOf } from './control.ts'
import { PhotoStudy, type PhotoStudyParts } from './photo-study.ts'
import type { PictureOptions } from './picture.ts'
import type { Study } from './study.ts'

/**
 * Colours photographs one after another, in the order of the calls, so that calls may overlap. It owns the device, and
 * the painter's plans on it.
 */
export class PhotoColorizer {
  readonly #turns = new Turns()
  readonly #studies = new Set<Study>()
  #disposed: Promise<void> | null = null

  constructor(
    private readonly gpu: Gpu,
    private readonly painter: NetworkPainter,
  ) {}

  /** Whether the network tells how likely each colour is: what temperature, variant and `likely` need. */
  get givesProbabilities(): boolean {
    return this.painter.weights.network.bins !== null
  }

  /**
   * Work with the painter, in its turn.
   * @throws UserError after `dispose`
   */
  with<T>(work: (painter: Painter) => Promise<T>, signal?: AbortSignal): Promise<T> {
    return this.#turn(async () => {
      signal?.throwIfAborted()
      return work(this.painter)
    })
  }

  /**
   * What is asked for, as a picture is coloured with it; to be called in a turn of `with`.
   * @param like a photograph whose colours are to be had, small
   * @throws UserError where these weights cannot do it, or there is no such class
   */
  async asked(
    { class: told, temperature, variant, seed, ...painting }: ColourOptions,
    like: Photo | null,
  ): Promise<PictureOptions> {
    const { weights, classNames } = this.painter
    const named = { name: 'the network', ...weights }
    const asked = { class: told, temperature, variant, like: like ?? undefined }
    return {
      ...painting,
      told: await expectControl(named, asked, classNames),
      leaning: await leaningOf(this.gpu, named, { temperature, variant, seed, like }),
    }
  }

  /**
   * Looks at a photograph that is to be coloured with one hint after another.
   * @param open called when it is the photograph's turn, so that those that wait take no memory
   * @param give what the host makes of the coloured photograph
   * @throws UserError after `dispose`, and when the network takes no hints
   */
  async study<Image>(
    open: () => Promise<Photo>,
    give: (coloured: ColouredPhoto) => Image | Promise<Image>,
    { saturation = this.painter.saturation, signal }: Omit<PaintOptions, 'hints'>,
  ): Promise<PhotoStudy<Image>> {
    return this.#turn(async () => {
      signal?.throwIfAborted()
      const photo = await open()
      const recognising = recognise(this.painter, photo, signal)
      const features = recognising.then((seen) => seen.features)
      features.catch(() => {}) // told below, also where the study does not get to them
      const studying = this.painter.predictor.study(photo, features)
      const [{ classes }, study] = await Promise.all([recognising, studying])
      this.#studies.add(study)
      const parts: PhotoStudyParts<Image> = {
        ...{ photo, classes, study, enlarger: this.painter.enlarger, saturation },
        ...{ turn: (work) => this.#turn(work), end: () => this.#end(study) },
        give: (photo) => give({ photo, classes }),
      }
      return new PhotoStudy(parts)
    })
  }

  async #turn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#disposed) throw new UserError('this Colorizer was disposed: create another one', 'usage')
    return this.#turns.take(work)
  }

  #end(study: Study): Promise<void> {
    return this.#turns.take(async () => {
      study.destroy()
      this.#studies.delete(study)
    })
  }

  /** Frees the device, once the photographs asked for until now are coloured. */
  dispose(): Promise<void> {
    this.#disposed ??= this.#turns.take(async () => {
      for (const study of this.#studies) study.destroy()
      this.painter.predictor.destroy()
      this.painter.enlarger.destroy()
      this.painter.classifier?.destroy()
      this.gpu.destroy()
    })
    return this.#disposed
  }
}
