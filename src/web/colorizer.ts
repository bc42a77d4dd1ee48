import * as v from 'valibot'
import { lookAt, previewOf } from '../color/look.ts'
import type { Photo } from '../color/photo.ts'
import { rasterOf } from '../color/raster.ts'
import { resize } from '../color/resample.ts'
import { Gpu } from '../device/gpu.ts'
import { UserError } from '../errors.ts'
import {
  checkOptions,
  functionOption,
  saturationOption,
  signalOption,
  valueLike,
} from '../infer/arguments.ts'
import { openClassifier } from '../infer/classifier.ts'
import {
  type ColouredPhoto,
  type NetworkPainter,
  parseClassNames,
  wantedClassifier,
} from '../infer/colorizer.ts'
import { type ColourOptions, colourOptions, LIKE_SIDE } from '../infer/control.ts'
import { Enlarger } from '../infer/enlarger.ts'
import { PhotoColorizer } from '../infer/photo-colorizer.ts'
import type { PhotoStudy } from '../infer/photo-study.ts'
import { colorizePicture } from '../infer/picture.ts'
import { predictorOf } from '../infer/predictor.ts'
import type { KnownFile } from '../io/manifest.ts'
import { parseModel } from '../io/onnx/model.ts'
import { saturationOf, trainedWith } from '../io/weights.ts'
import type { SeenClass } from '../model/classifier.ts'
import { Assets, folderOf, type OnBytes } from './assets.ts'
import { expectImage, type ImageInput, imageDataOf, isImage, photoOf } from './images.ts'
import { loadWeights, type WeightsSource } from './weights.ts'

export interface ColorizerOptions {
  /** The browser's own, `navigator.gpu`, by default. */
  readonly gpu?: GPU | undefined
  /** The folder that the package's `weights/` are served from, with a slash at its end; by default where it lies beside this module. */
  readonly assets?: string | URL | undefined
  /** A weight file or checkpoint, or the name of one in `assets`; "lite", the package's own weights, by default. */
  readonly weights?: WeightsSource | undefined
  /** "auto" (default: the best one in `assets`, unless the weights were trained without), "none", a name, or where an ONNX file is. */
  readonly classifier?: string | URL | undefined
  /** What a* and b* are multiplied by where a call does not say; as the weights say by default, and 0 is grey. */
  readonly saturation?: number | undefined
  /** The browser's cache of this name keeps what comes from `assets`, so that it is fetched once; nothing is kept by default. */
  readonly cache?: string | undefined
  /** Ends the loading; its reason is thrown. */
  readonly signal?: AbortSignal | undefined
  /** Called as weights arrive; the total grows when other weights than the package's own turn out to need a classifier. */
  readonly onProgress?: OnBytes | undefined
}

export interface ColorizeOptions extends ColourOptions {
  /** A photograph in colour, to whose colours the new ones lean; only with weights that give probabilities. */
  readonly like?: ImageInput | undefined
}

/** Of photographs that are coloured again and again. */
export type StudyingOptions = Pick<ColorizeOptions, 'saturation' | 'signal'>

export interface ColouredImage {
  readonly image: ImageData
  /** What the classifier saw, the likeliest five, the likeliest first; empty without a classifier. */
  readonly classes: SeenClass[]
}

/** Where this module and the page are, as far as they have addresses. */
const AROUND = { module: import.meta.url, page: globalThis.location?.href }

/** What the list of the package's weights calls its own. */
const SHIPPED = 'lite'

const isText = (value: unknown) => typeof value === 'string' && value !== ''
const isUrl = (value: unknown) => value instanceof URL

const openingSchema = v.strictObject({
  gpu: v.optional(
    valueLike<GPU>('a GPU such as navigator.gpu', (gpu) => typeof gpu === 'object' && gpu !== null),
  ),
  assets: v.optional(
    valueLike<string | URL>('the address of a folder', (value) => isText(value) || isUrl(value)),
  ),
  weights: v.optional(
    valueLike<WeightsSource>(
      'a name, a URL, a Blob or the bytes of a weight file',
      (value) => isText(value) || isUrl(value) || value instanceof Blob || value instanceof Uint8Array,
    ),
  ),
  classifier: v.optional(
    valueLike<string | URL>('auto, none, a name or a URL', (value) => isText(value) || isUrl(value)),
  ),
  cache: v.optional(valueLike<string>('the name of a cache', isText)),
  saturation: saturationOption,
  signal: signalOption,
  onProgress: functionOption<OnBytes>(),
})

const studyingSchema = v.strictObject({ saturation: saturationOption, signal: signalOption })
const colorizingSchema = v.strictObject({
  ...colourOptions,
  like: v.optional(valueLike<ImageInput>('a Blob, an ImageBitmap or ImageData', isImage)),
})

/** Colours photographs in a browser, as the command line does. Calls may overlap: they are computed one after another. */
export class Colorizer {
  #isLost = false

  private constructor(
    private readonly gpu: Gpu,
    private readonly colorizer: PhotoColorizer,
    private readonly saturation: number | undefined,
  ) {
    void gpu.device.lost.then(() => {
      this.#isLost = true
    })
  }

  /** What a person would call the adapter: "nvidia-h200", "llvmpipe: Mesa 25.0.7 (LLVM 15.0.6)". */
  get adapterName(): string {
    return this.gpu.adapterName
  }

  /** Whether its weights tell how likely each colour is, which `temperature`, `variant`, `like` and a study's `likely` need. */
  get givesProbabilities(): boolean {
    return this.colorizer.givesProbabilities
  }

  /** Whether the adapter is gone, as after a crash of its driver or `dispose`: every call fails then, and another Colorizer may do. */
  get isLost(): boolean {
    return this.#isLost
  }

  /**
   * Loads weights and classifier and opens the adapter. The caller disposes of it.
   * @throws TypeError for options of the wrong kind; UserError where WebGPU is missing, or a file cannot be had
   */
  static async create(options: ColorizerOptions = {}): Promise<Colorizer> {
    const asked = checkOptions('Colorizer.create', openingSchema, options)
    const { gpu: entry = globalThis.navigator?.gpu, saturation, signal } = asked
    const gpu = await openGpu(entry)
    try {
      const painter = await openPainter(gpu, asked)
      signal?.throwIfAborted()
      return new Colorizer(gpu, new PhotoColorizer(gpu, painter), saturation)
    } catch (error) {
      gpu.destroy()
      throw error
    }
  }

  /**
   * Colours a photograph, also one in colour, as the command line does with `--recolor`: tones are removed, borders stay grey.
   * @param input a file that the browser can decode, a bitmap, or pixels
   * @throws TypeError for arguments of the wrong kind; UserError when it is no image, or after `dispose`
   */
  async colorize(input: ImageInput, options: ColorizeOptions = {}): Promise<ColouredImage> {
    const { like, ...asked } = checkOptions('colorize', colorizingSchema, options)
    expectImage('colorize', input)
    return this.colorizer.with(async (painter) => {
      const saturation = asked.saturation ?? this.saturation
      const painting = await this.colorizer.asked(
        { ...asked, saturation },
        like ? await smallPhoto(like) : null,
      )
      const photo = await photoOf(input)
      const raster = rasterOf(photo)
      const look = lookAt(previewOf(raster), raster)
      const { picture, classes } = await colorizePicture(painter, raster, look, painting)
      const rgb = picture.levels as Uint8Array // of 8 bits, as the photograph's
      return imageOf({ photo: { ...photo, rgb }, classes })
    }, asked.signal)
  }

  /**
   * Looks at a photograph that is to be coloured with one hint after another; the network is shown it as it is, with its tone
   * and borders. The caller disposes of the study.
   * @param input as of `colorize`
   * @throws as `colorize`; UserError when the network of the weights takes no hints
   */
  async study(input: ImageInput, options: StudyingOptions = {}): Promise<PhotoStudy<ColouredImage>> {
    const asked = checkOptions('study', studyingSchema, options)
    expectImage('study', input)
    const painting = { ...asked, saturation: asked.saturation ?? this.saturation }
    return this.colorizer.study(() => photoOf(input), imageOf, painting)
  }

  /** Frees the adapter's memory, once the photographs asked for until now are coloured. */
  dispose(): Promise<void> {
    return this.colorizer.dispose()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose()
  }
}

async function smallPhoto(input: ImageInput): Promise<Photo> {
  const photo = await photoOf(input)
  const scale = Math.min(1, LIKE_SIDE / Math.max(photo.width, photo.height))
  const scaled = (length: number) => Math.max(1, Math.round(scale * length))
  return resize(photo, scaled(photo.width), scaled(photo.height))
}

const imageOf = ({ photo, classes }: ColouredPhoto): ColouredImage => ({ image: imageDataOf(photo), classes })

async function openGpu(entry: GPU | undefined): Promise<Gpu> {
  if (!entry)
    throw new UserError(
      'this browser has no WebGPU here: take a newer one, and a page by https or from localhost',
      'adapter',
    )
  const gpu = await Gpu.open(entry).catch((cause: Error) => {
    throw new UserError(`WebGPU does not open: ${cause.message}`, 'adapter', { cause })
  })
  if (!gpu) throw new UserError('this browser has WebGPU, but no GPU for it', 'adapter')
  return gpu
}

type Loading = Pick<ColorizerOptions, 'assets' | 'weights' | 'classifier' | 'cache' | 'signal' | 'onProgress'>

async function openPainter(
  gpu: Gpu,
  {
    assets: at,
    weights: source = SHIPPED,
    classifier: choice = 'auto',
    cache,
    signal,
    onProgress: onBytes = () => {},
  }: Loading,
): Promise<NetworkPainter> {
  const where = () => folderOf(at, AROUND)
  const assets = new Assets({ where, cache, signal, onBytes })
  const own = typeof source === 'string' ? await assets.find('colouriser', source) : null
  // the package's own weights take class vectors, so that all that is to be loaded is known before the first byte
  const early = own && choice !== 'none' ? await findClassifier(choice, assets) : null
  if (early) fetchAhead(early, assets)
  const weights = await loadWeights(source, assets)
  const wanted = wantedClassifier(trainedWith(weights.metadata), { choice: String(choice) })
  const predictor = predictorOf(gpu, weights, { resize })
  const saturation = saturationOf(weights)
  const painter = { predictor, enlarger: new Enlarger(gpu), saturation, weights }
  if (wanted.choice === 'none') {
    const later = new Assets({ where, cache, onBytes: () => {} }) // the signal is for the loading alone
    return { ...painter, classifier: null, classNames: () => namesIn(later) }
  }
  const { file, names } = early ?? (await findClassifier(choice, assets))
  const asset = file instanceof URL ? await assets.loadFrom(file) : await assets.load(file)
  const classNames = await loadNames(assets, names)
  signal?.throwIfAborted()
  const model = await parseModel(asset.bytes, { name: asset.name })
  const classifier = await openClassifier(gpu, { ...asset, model }, { resize, fit: wanted.fit })
  return { ...painter, classifier, classNames: () => classNames }
}

/** What cannot be had is told of when it is needed. */
function fetchAhead({ file, names }: Awaited<ReturnType<typeof findClassifier>>, assets: Assets): void {
  for (const one of [file, names]) if (!(one instanceof URL)) assets.load(one).catch(() => {})
}

/** Where a classifier and the names of its classes are. Throws as `Assets.find`. */
async function findClassifier(choice: string | URL, assets: Assets) {
  const file = choice instanceof URL ? choice : await assets.find('classifier', choice)
  return { file, names: await findNames(assets) }
}

const findNames = (assets: Assets) => assets.find('class names', 'classes')
const namesIn = async (assets: Assets) => loadNames(assets, await findNames(assets))

async function loadNames(assets: Assets, file: KnownFile): Promise<readonly string[]> {
  const { bytes } = await assets.load(file)
  return parseClassNames(new TextDecoder().decode(bytes))
}
