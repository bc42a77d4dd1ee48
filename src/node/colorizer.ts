import * as v from 'valibot'
import type { Photo } from '../color/photo.ts'
import { PRECISIONS, type Precision } from '../graph/half.ts'
import {
  checkOptions,
  functionOption,
  saturationOption,
  signalOption,
  valueLike,
} from '../infer/arguments.ts'
import { type ColouredPhoto, wantedClassifier } from '../infer/colorizer.ts'
import { type ColourOptions, colourOptions, LIKE_SIDE } from '../infer/control.ts'
import { PhotoColorizer } from '../infer/photo-colorizer.ts'
import type { PhotoStudy } from '../infer/photo-study.ts'
import { concat } from '../io/image/bytes.ts'
import { readAtOf } from '../io/read-at.ts'
import { expectTrained, parseWeights, trainedWith, type WeightFile } from '../io/weights.ts'
import type { SeenClass } from '../model/classifier.ts'
import { choiceOf } from '../setting.ts'
import { colorizeInMemory } from './formats/large.ts'
import {
  encode,
  IMAGE_FORMATS,
  type ImageFormat,
  outputFormat,
  readPhoto,
  readPhotoFile,
  shrunkTo,
} from './image.ts'
import { openPainter } from './painter.ts'
import { chooseClassifier } from './store/classifiers.ts'
import { NODE_NETWORKS } from './store/networks.ts'
import { openTunedGpu, precisionOn } from './store/tuning.ts'
import { readWeights, SHIPPED } from './weights.ts'

/** What is opened, in this order. */
export type OpeningStage = 'weights' | 'classifier' | 'adapter' | 'network'

export interface ColorizerOptions {
  /** A part of the adapter's name, of those that `listAdapters` gives; Dawn's first choice by default. */
  readonly adapter?: string | undefined
  /** A weight file or checkpoint, by its path or as bytes; the package's own weights by default. */
  readonly weights?: string | Uint8Array | undefined
  /** "auto" (default: the best one that is here, unless the weights were trained without), "none", a name or an ONNX file. */
  readonly classifier?: string | undefined
  /** How values are stored; by default what `colorizer tune` found faster on this adapter, else float32. */
  readonly precision?: Precision | undefined
  /** What a* and b* are multiplied by where a call does not say; as the weights say by default, and 0 is grey. */
  readonly saturation?: number | undefined
  /** Ends the opening after the stage in hand; its reason is thrown. */
  readonly signal?: AbortSignal | undefined
  /** Called at the beginning of each stage. */
  readonly onProgress?: ((stage: OpeningStage) => void) | undefined
}

export interface ColorizeOptions extends ColourOptions {
  /** The path or the bytes of a photograph in colour, to whose colours the new ones lean; only with weights that give probabilities. */
  readonly like?: string | Uint8Array | undefined
  /** Of the result; by default that of the input where it can be written, else PNG. */
  readonly format?: ImageFormat | undefined
}

/** Of photographs that are coloured again and again. */
export type StudyingOptions = Pick<ColorizeOptions, 'saturation' | 'format' | 'signal'>

export interface ColouredImage {
  /** An image file. */
  readonly image: Uint8Array
  readonly width: number
  readonly height: number
  /** What the classifier saw, the likeliest five, the likeliest first; empty without a classifier. */
  readonly classes: SeenClass[]
}

const isText = (value: unknown) => typeof value === 'string' && value !== ''
const isFile = (value: unknown) => isText(value) || value instanceof Uint8Array

const openingSchema = v.strictObject({
  adapter: v.optional(valueLike<string>("a part of an adapter's name", isText)),
  weights: v.optional(valueLike<string | Uint8Array>('the path or the bytes of a weight file', isFile)),
  classifier: v.optional(valueLike<string>('auto, none, a name or the path of an ONNX file', isText)),
  precision: v.optional(choiceOf(PRECISIONS)),
  saturation: saturationOption,
  signal: signalOption,
  onProgress: functionOption<(stage: OpeningStage) => void>(),
})

const studyingSchema = v.strictObject({
  saturation: saturationOption,
  format: v.optional(choiceOf(IMAGE_FORMATS)),
  signal: signalOption,
})
const colorizingSchema = v.strictObject({
  ...studyingSchema.entries,
  ...colourOptions,
  like: v.optional(valueLike<string | Uint8Array>('the path or the bytes of an image file', isFile)),
})

/** Colours photographs, as the command line does. Calls may overlap: they are computed one after another. */
export class Colorizer {
  private constructor(
    private readonly colorizer: PhotoColorizer,
    private readonly saturation: number | undefined,
  ) {}

  /**
   * Opens weights, classifier and adapter. The caller disposes of it.
   * @throws TypeError for options of the wrong kind; UserError when a file is missing or damaged, or no adapter opens
   */
  static async create(options: ColorizerOptions = {}): Promise<Colorizer> {
    const { adapter, saturation, signal, ...asked } = checkOptions('Colorizer.create', openingSchema, options)
    const begin = (stage: OpeningStage) => {
      signal?.throwIfAborted()
      asked.onProgress?.(stage)
    }
    begin('weights')
    const weights = await openWeights(asked.weights ?? SHIPPED)
    begin('classifier')
    const wanted = wantedClassifier(trainedWith(weights.metadata), { choice: asked.classifier })
    const chosen = await chooseClassifier(wanted)
    begin('adapter')
    const gpu = await openTunedGpu({ adapter }, (line) => process.emitWarning(line))
    try {
      begin('network')
      const painter = await openPainter(gpu, weights, chosen, {
        precision: precisionOn(gpu, asked.precision),
      })
      signal?.throwIfAborted()
      return new Colorizer(new PhotoColorizer(gpu, painter), saturation)
    } catch (error) {
      gpu.destroy()
      throw error
    }
  }

  /**
   * Colours a photograph, also one in colour, as the command line does with `--recolor --no-history`: its metadata, bits,
   * transparency and pages are kept (docs/formats.md).
   * @param input the path or the bytes of an image file
   * @throws TypeError for arguments of the wrong kind; UserError when it is no image, or after `dispose`
   */
  async colorize(input: string | Uint8Array, options: ColorizeOptions = {}): Promise<ColouredImage> {
    const { format, like, ...asked } = checkOptions('colorize', colorizingSchema, options)
    const file = new InputFile('colorize', input, format)
    return this.colorizer.with(async (painter) => {
      const saturation = asked.saturation ?? this.saturation
      const palette = like === undefined ? null : await shrunkTo(await readPhoto(like), LIKE_SIDE)
      const painting = await this.colorizer.asked({ ...asked, saturation }, palette)
      const options = { ...painting, format, recolor: true, making: null }
      const coloured = await colorizeInMemory(painter, await file.read(), file.name, options)
      if ('skipped' in coloured) throw new Error(`${file.name} was left out, although all are to be coloured`)
      const { parts, width, height, classes } = coloured
      return { image: concat(parts), width, height, classes }
    }, asked.signal)
  }

  /**
   * Looks at a photograph that is to be coloured with one hint after another. The caller disposes of the study.
   * @param input as of `colorize`
   * @throws as `colorize`; UserError when the network of the weights takes no hints
   */
  async study(input: string | Uint8Array, options: StudyingOptions = {}): Promise<PhotoStudy<ColouredImage>> {
    const { format, ...asked } = checkOptions('study', studyingSchema, options)
    const file = new InputFile('study', input, format)
    const painting = { ...asked, saturation: asked.saturation ?? this.saturation }
    return this.colorizer.study(
      () => file.open(),
      (coloured) => file.coloured(coloured),
      painting,
    )
  }

  /** Frees the adapter's memory, once the photographs asked for until now are coloured. */
  dispose(): Promise<void> {
    return this.colorizer.dispose()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose()
  }
}

/** A photograph that somebody hands in, and the image file that is made of it. */
class InputFile {
  #format: ImageFormat = 'png'

  /** Throws a TypeError when `input` is neither a path nor bytes; `format` is what is wanted instead of the input's. */
  constructor(
    call: string,
    private readonly input: string | Uint8Array,
    private readonly format: ImageFormat | undefined,
  ) {
    if (isFile(input)) return
    throw new TypeError(`${call} takes the path or the bytes of an image file`)
  }

  /** What errors call it. */
  get name(): string {
    return typeof this.input === 'string' ? this.input : 'the input'
  }

  async read(): Promise<Uint8Array> {
    return typeof this.input === 'string' ? readPhotoFile(this.input) : this.input
  }

  async open(): Promise<Photo> {
    const bytes = await this.read()
    this.#format = this.format ?? outputFormat(bytes)
    return readPhoto(bytes, this.name)
  }

  async coloured({ photo, classes }: ColouredPhoto): Promise<ColouredImage> {
    const { width, height } = photo
    return { image: await encode(photo, this.#format, this.name), width, height, classes }
  }
}

async function openWeights(source: string | Uint8Array): Promise<WeightFile> {
  const [name, weights] =
    typeof source === 'string'
      ? [source, await readWeights(source)]
      : ['the weights', await parseWeights(readAtOf(source, 'the weights'), NODE_NETWORKS)]
  expectTrained(name, weights)
  return weights
}
