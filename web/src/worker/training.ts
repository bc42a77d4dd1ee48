/** Training in the worker: the code of `train:webgpu`, with pictures, storage and an observer of the page's. */
import { GRAY, paint } from '../../../src/color/paint.ts'
import { resize } from '../../../src/color/resample.ts'
import { Gpu } from '../../../src/device/gpu.ts'
import { UserError } from '../../../src/errors.ts'
import type { NamedBuffers } from '../../../src/graph/execute.ts'
import { Predictor } from '../../../src/infer/predictor.ts'
import type { WeightFile } from '../../../src/io/weights.ts'
import { type Best, type Checkpoint, encodeBest } from '../../../src/train/checkpoint.ts'
import {
  type Start,
  sourceOptions,
  type TrainingSettings,
  type TrainingStore,
  train,
  trainingSource,
  usualOf,
  validate,
} from '../../../src/train/index.ts'
import { decodeBatch } from '../../../src/train/samples.ts'
import type { Assets } from '../../../src/web/assets.ts'
import { imageDataOf } from '../../../src/web/images.ts'
import { loadWeights } from '../../../src/web/weights.ts'
import { UNTRAINABLE } from '../texts.ts'
import type { Comparison, TrainingEnd, TrainingKept, TrainingNews, TrainingWish } from './methods.ts'
import { openSample, TrainingPictures } from './training-pictures.ts'

/** Of the network that the page trains; the command line's are the same, but for those that people choose here. */
const FIXED = usualOf('pyramid')
/** Every so many pictures one is held out, and this many at most. */
const HOLD_OUT = { every: 8, most: 24 }
/** Held-out pictures that are shown. */
const SHOWN = 6

/** One training at a time, which can be stopped and gone on with. */
export class Training {
  #checkpoint: Checkpoint | null = null
  #best: Best | null = null

  constructor(private readonly assets: () => Assets) {}

  /** @throws UserError as `train`; when there are too few pictures; when WebGPU does not open */
  async run(
    wish: TrainingWish,
    { signal, tell }: { readonly signal: AbortSignal; readonly tell: (news: TrainingNews) => void },
  ): Promise<TrainingEnd> {
    const gpu = await Gpu.open(navigator.gpu)
    if (!gpu) throw new UserError(UNTRAINABLE.noGpu, 'adapter')
    try {
      return await this.#run(gpu, wish, signal, tell)
    } finally {
      gpu.destroy()
    }
  }

  async #run(
    gpu: Gpu,
    wish: TrainingWish,
    signal: AbortSignal,
    tell: (news: TrainingNews) => void,
  ): Promise<TrainingEnd> {
    const { steps, validateEvery } = wish
    const { start, network, settings } = await this.#beginning(wish)
    const pictures = new TrainingPictures(wish.files, { side: settings.size, ...HOLD_OUT })
    if (pictures.trained.length < settings.batch)
      throw new UserError(UNTRAINABLE.tooFew(pictures.trained.length, settings.batch), 'input')
    const source = trainingSource(
      pictures.set((reason) => tell({ kind: 'undecodable', reason })),
      { decode: (task) => decodeBatch(task, openSample), close: async () => {} },
      2,
      sourceOptions(network, settings),
    )
    const judge = new Judge(gpu, network, settings.size, pictures)
    try {
      const { checkpoint } = await train({
        ...{ gpu, network, source, settings, start, signal },
        course: { steps, epochs: Number.POSITIVE_INFINITY, validateEvery },
        store: this.#storeOf(start),
        observer: {
          onStep: ({ step, total, loss, secondsLeft }) =>
            tell({ kind: 'step', step, total, loss, secondsLeft }),
          onValidation: ({ step, abMse }) =>
            tell({ kind: 'validation', step, abMse, grayMse: judge.grayMse, pictures: judge.comparisons }),
        },
        validate: judge.validate,
      })
      return { step: checkpoint.step }
    } finally {
      judge.destroy()
      await source.close()
    }
  }

  /** With the weights that colour, or where the last training stopped. */
  async #beginning({ goOn, weights, settings: chosen, files }: TrainingWish) {
    if (goOn && this.#checkpoint) {
      const checkpoint = this.#checkpoint
      const start: Start = { kind: 'resume', checkpoint }
      return { start, network: checkpoint.weights.network, settings: checkpoint.settings }
    }
    const { network, parameters, statistics }: WeightFile = await loadWeights(
      weights.file ?? weights.weights,
      this.assets(),
    )
    const start: Start = { kind: 'weights', parameters, statistics }
    const data = files.map(({ name }) => name).join('\n')
    const settings: TrainingSettings = { ...FIXED, ...chosen, classVectors: [], data }
    return { start, network, settings }
  }

  /** What was trained before stays until there is something to put in its place. */
  #storeOf(start: Start): TrainingStore {
    let isOwn = start.kind === 'resume'
    const begin = () => {
      if (!isOwn) this.#best = this.#checkpoint = null
      isOwn = true
    }
    return {
      saveCheckpoint: async (checkpoint) => {
        begin()
        this.#checkpoint = checkpoint
      },
      saveBest: async (best) => {
        begin()
        this.#best = best
      },
    }
  }

  get kept(): TrainingKept {
    return { hasWeights: this.#weights !== null, step: this.#checkpoint?.step ?? null }
  }

  /** @throws UserError when there was no training */
  weights(): Blob {
    const weights = this.#weights
    if (!weights) throw new UserError(UNTRAINABLE.noWeights, 'usage')
    return new Blob([...encodeBest('the weights', weights)] as Uint8Array<ArrayBuffer>[], {
      type: 'application/octet-stream',
    })
  }

  /** Those that did best on the pictures held out, which a training that failed may leave, too; or the last ones where none were. */
  get #weights(): Best | null {
    return this.#best ?? (this.#checkpoint && { ...this.#checkpoint, abMse: Number.NaN })
  }
}

/** Colours the pictures that are held out, whenever it is time to. */
class Judge {
  grayMse = 0
  /** Of the last validation. */
  comparisons: readonly Comparison[] = []
  #predictor: Predictor | null = null

  constructor(
    private readonly gpu: Gpu,
    private readonly network: WeightFile['network'],
    private readonly size: number,
    private readonly pictures: TrainingPictures,
  ) {}

  readonly validate = async (weights: NamedBuffers): Promise<number | null> => {
    const { gpu, network, size } = this
    this.#predictor ??= new Predictor({ gpu, network, variables: weights, size, resize })
    const photos = await this.pictures.heldOut()
    if (photos.length === 0) return null
    const score = await validate(
      this.#predictor,
      photos.map((photo) => ({ photo })),
    )
    const shown: Comparison[] = []
    for (const photo of photos.slice(0, SHOWN)) {
      const ours = paint(photo, await this.#predictor.predict(photo), 1)
      shown.push({
        gray: imageDataOf(paint(photo, GRAY, 1)),
        ours: imageDataOf(ours),
        original: imageDataOf(photo),
      })
    }
    this.comparisons = shown
    this.grayMse = score!.grayMse
    return score!.abMse
  }

  destroy(): void {
    this.#predictor?.destroy()
  }
}
