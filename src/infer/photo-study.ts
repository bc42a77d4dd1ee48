import * as v from 'valibot'
import type { SmallAb } from '../color/guided.ts'
import { labToSrgb, lightness } from '../color/lab.ts'
import type { Photo } from '../color/photo.ts'
import type { Hint } from '../io/hints.ts'
import type { SeenClass } from '../model/classifier.ts'
import { numberOf } from '../setting.ts'
import { checkOptions, hintsOption, saturationOption, signalOption } from './arguments.ts'
import { type ColourOptions, colourOptions, versionOf } from './control.ts'
import type { Enlarger } from './enlarger.ts'
import { toldColours } from './hints.ts'
import type { Study } from './study.ts'

export interface StudyOptions extends Pick<ColourOptions, 'temperature' | 'variant' | 'seed'> {
  /** Colours that are told, of which the network makes the others; none by default. */
  readonly hints?: readonly Hint[] | undefined
  /** What a* and b* are multiplied by. */
  readonly saturation?: number | undefined
  /** Ends the work after the stage in hand; its reason is thrown. */
  readonly signal?: AbortSignal | undefined
}

/** A colour that a place of a photograph may have. */
export interface PossibleColour {
  /** sRGB, "#rrggbb", of the photograph's lightness: what a hint takes. */
  readonly color: string
  readonly probability: number
}

/** What a study of a photograph is made of. */
export interface PhotoStudyParts<Image> {
  readonly photo: Photo
  /** What the classifier saw, the likeliest five, the likeliest first; empty without a classifier. */
  readonly classes: readonly SeenClass[]
  readonly study: Study
  readonly enlarger: Enlarger
  readonly saturation: number
  /** What the host makes of a coloured photograph. */
  readonly give: (photo: Photo) => Image | Promise<Image>
  /** Waits for the others that use the device. */
  readonly turn: <T>(work: () => Promise<T>) => Promise<T>
  /** Called by `dispose`. */
  readonly end: () => Promise<void>
}

const { temperature, variant, seed } = colourOptions
const coloursSchema = v.strictObject({
  ...{ hints: hintsOption, temperature, variant, seed, signal: signalOption },
})
const colorizingSchema = v.strictObject({ ...coloursSchema.entries, saturation: saturationOption })
const askingSchema = v.strictObject({ hints: hintsOption })
const placeSchema = v.strictObject({ x: numberOf({ max: 1 }), y: numberOf({ max: 1 }) })

/**
 * A photograph that the network has looked at, for a person who tells it colours: each colouring takes a part of the time of
 * the first. Calls may overlap: they are computed one after another.
 */
export class PhotoStudy<Image> {
  constructor(private readonly parts: PhotoStudyParts<Image>) {}

  /** What the classifier saw, the likeliest five, the likeliest first; empty without a classifier. */
  get classes(): readonly SeenClass[] {
    return this.parts.classes
  }

  /** What `colorize` multiplies a* and b* by unless told otherwise. */
  get saturation(): number {
    return this.parts.saturation
  }

  /**
   * The photograph in the network's colours, and those that are told.
   * @throws TypeError for options of the wrong kind; UserError after `dispose`
   */
  async colorize(options: StudyOptions = {}): Promise<Image> {
    const { study, enlarger, photo, give, turn } = this.parts
    const {
      hints = [],
      saturation = this.parts.saturation,
      signal,
      ...version
    } = checkOptions('colorize', colorizingSchema, options)
    return turn(async () => {
      signal?.throwIfAborted()
      const colours = await study.colours(toldColours(hints), versionOf(version))
      signal?.throwIfAborted()
      return give(await enlarger.paint(photo, colours, saturation))
    })
  }

  /**
   * The network's colours and those that are told, before they are enlarged and without a saturation: for a host that paints parts of the photograph
   * itself, again and again, at sizes of its own. See `linesOf` of `color/guided.ts`.
   * @throws as `colorize`
   */
  async colours(options: Omit<StudyOptions, 'saturation'> = {}): Promise<SmallAb> {
    const { study, turn } = this.parts
    const { hints = [], signal, ...version } = checkOptions('colours', coloursSchema, options)
    return turn(async () => {
      signal?.throwIfAborted()
      return study.colours(toldColours(hints), versionOf(version))
    })
  }

  /**
   * How likely the network finds each colour at a place, the likeliest first. The probabilities add up to 1.
   * @param place as fractions of width and height, 0 to 1
   * @throws TypeError for arguments of the wrong kind; UserError after `dispose`, and when these weights give no probabilities
   */
  async likely(
    place: { readonly x: number; readonly y: number },
    options: Pick<StudyOptions, 'hints'> = {},
  ): Promise<PossibleColour[]> {
    const { x, y } = checkOptions('the place for likely', placeSchema, place)
    const { hints = [] } = checkOptions('likely', askingSchema, options)
    const { study, photo, turn } = this.parts
    return turn(async () => {
      const L = lightnessAt(photo, x, y)
      const colours = await study.likely(x, y, toldColours(hints))
      return colours.map(({ a, b, probability }) => ({ color: hexOf(L, a, b), probability }))
    })
  }

  /** Frees the adapter's memory, once what was asked for until now is done. */
  dispose(): Promise<void> {
    return this.parts.end()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose()
  }
}

function lightnessAt({ rgb, width, height }: Photo, x: number, y: number): number {
  const [column, row] = [
    Math.min(width - 1, Math.floor(x * width)),
    Math.min(height - 1, Math.floor(y * height)),
  ]
  const at = 3 * (row * width + column)
  return lightness(rgb.subarray(at, at + 3))[0]!
}

function hexOf(L: number, a: number, b: number): string {
  const levels = labToSrgb(Float32Array.of(L), Float32Array.of(a, b))
  return `#${Array.from(levels, (level) => level.toString(16).padStart(2, '0')).join('')}`
}
