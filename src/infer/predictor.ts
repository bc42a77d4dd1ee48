import type { SmallAb } from '../color/guided.ts'
import { networkLightness, type Photo } from '../color/photo.ts'
import type { Resize } from '../color/resample.ts'
import type { Gpu } from '../device/gpu.ts'
import { Executor, type NamedBuffers, uploadNeeded, Variables } from '../graph/execute.ts'
import { expectFinite, type Precision } from '../graph/half.ts'
import type { FixedVariables } from '../graph/rewrite.ts'
import { trainedWith, type WeightFile } from '../io/weights.ts'
import type { Network } from '../model/network.ts'
import type { Size } from '../rect.ts'
import { Turns } from '../turns.ts'
import { continued, cornerOf, toldIn } from './continued.ts'
import { expectHints, hintInput, type ToldColour } from './hints.ts'
import { mirrorImage, mirrorRows, networkInputs, type Shown } from './inputs.ts'
import { expectBins, type Leaning, leanInputs, leans, priorTowards } from './leaning.ts'
import { colouringPlan, leaningPlan, type PlanSize } from './plans.ts'
import { Recent } from './recent.ts'
import { Study } from './study.ts'

/** The size of a picture's shorter side for weight files that don't say at which size they were trained. */
const DEFAULT_SIZE = 224
/** Plans kept for pictures of different proportions; each holds the memory of one network pass. */
const MAX_PLANS = 4
/** Panoramas are shown to the network at most this many times as long as they are high. */
const MAX_ASPECT = 4

export interface PredictorOptions {
  readonly gpu: Gpu
  readonly network: Network
  readonly variables: NamedBuffers
  /** The shorter side of a picture as the network sees it: what it was trained at. */
  readonly size: number
  readonly resize: Resize
  /** Shows each picture and its mirror image, and gives the mean of both, for twice the time. Studies do without. */
  readonly mirror?: boolean | undefined
  /** The weights, where each plan is to have its own as float16, and to compute from float16 values. */
  readonly halved?: FixedVariables | null
}

/** Shows whole pictures to the network whose weights are in `variables`. Calls may overlap: they are computed in turn. */
export class Predictor {
  readonly #plans: Recent<Executor>
  readonly #turns = new Turns()
  readonly #halved: FixedVariables | null

  /** @param own variables that are freed with the predictor */
  constructor(
    private readonly options: PredictorOptions,
    private readonly own?: Pick<Variables, 'destroy'>,
  ) {
    this.#halved = options.halved ?? null
    this.#plans = new Recent(MAX_PLANS, () => options.gpu.pool.trim())
  }

  /**
   * The colours of `photo`, whose own colours are not looked at: only its lightness reaches the network.
   * @param features class probabilities; none means a vector of zeros
   * @param told colours that a person wants, of which the network makes the others
   * @param leaning how its probabilities of colours are moved
   * @throws UserError when a value in between was too large for float16, or the network takes no hints and some are told, or gives
   *   no probabilities and they are to be moved
   */
  predict(
    photo: Photo,
    features?: Float32Array,
    told: readonly ToldColour[] = [],
    leaning: Leaning = {},
  ): Promise<SmallAb> {
    return this.#turns.take(() => this.#predict(photo, features, told, leaning))
  }

  async #predict(
    photo: Photo,
    features: Float32Array | undefined,
    told: readonly ToldColour[],
    leaning: Leaning,
  ): Promise<SmallAb> {
    const { whole, corner } = continued(photo)
    return cornerOf(await this.#predictWhole(whole, features, toldIn(told, corner), leaning), corner)
  }

  async #predictWhole(
    photo: Photo,
    features: Float32Array | undefined,
    told: readonly ToldColour[],
    leaning: Leaning,
  ): Promise<SmallAb> {
    if (told.length) expectHints('these weights', this.options.network)
    const size = this.#sizeOf(photo)
    const spread = told.length > 0 // which costs each cell a look at all others
    const executor = await (leans(leaning)
      ? this.#leaner({ spread, ...size }, leaning)
      : this.#executor({ spread, ...size }))
    const hints = told.length ? { hints: hintInput(told, size) } : {}
    const shown = { ...(await this.#shown(photo, size, features)), ...hints }
    const colours = await this.#colours(executor, shown, leaning, false)
    if (!this.options.mirror) return colours
    const { ab } = await this.#colours(executor, mirrorImage(shown, size.width), leaning, true)
    const other = mirrorRows(ab, colours.width, 2)
    return { ...colours, ab: colours.ab.map((value, i) => (value + other[i]!) / 2) }
  }

  /** One pass. */
  async #colours(executor: Executor, shown: Shown, leaning: Leaning, isMirrored: boolean): Promise<SmallAb> {
    const inputs = networkInputs(shown)
    if (leans(leaning)) await this.#lean(executor, inputs, leaning, isMirrored)
    uploadNeeded(executor, inputs)
    const [ab] = await executor.run(['ab'])
    if (this.#halved) expectFinite(ab!, 'the colours')
    const [, rows, columns] = executor.plan.outputs.get('ab')!.shape as [number, number, number, number]
    return { ab: ab!, width: columns, height: rows }
  }

  /** Uploads what the probabilities are moved by. For a palette it first runs without one, to see what is missing. */
  async #lean(
    executor: Executor,
    inputs: ReturnType<typeof networkInputs>,
    leaning: Leaning,
    isMirrored: boolean,
  ) {
    const { palette } = leaning
    const [, height, width] = executor.plan.inputs.get('lean')!.shape as [number, number, number, number]
    const bins = expectBins('these weights', this.options.network)
    const { lean: drawn, prior: none } = leanInputs(bins, { width, height }, leaning)
    const lean = isMirrored ? mirrorRows(drawn, width, 2) : drawn
    const upload = (prior: Float32Array) => {
      executor.upload('lean', lean)
      executor.upload('prior', prior)
    }
    upload(none)
    if (!palette) return
    uploadNeeded(executor, inputs)
    const [found] = await executor.run(['shares'])
    upload(priorTowards(palette, found!))
  }

  /**
   * The same colours as `predict` gives, again and again with other hints, of which each costs a part of it.
   * @param features as of `predict`; kernels are compiled while they are still found out
   * @throws UserError as `predict`, and when the network takes no hints
   */
  study(photo: Photo, features?: Float32Array | Promise<Float32Array | undefined>): Promise<Study> {
    return this.#turns.take(async () => {
      expectHints('these weights', this.options.network)
      const { whole, corner } = continued(photo)
      const size = this.#sizeOf(whole)
      const showing = this.#shown(whole, size, features)
      return Study.create({ ...this.options, halved: this.#halved }, { ...size, corner }, showing)
    })
  }

  #sizeOf(photo: Photo): Size {
    const { size, network } = this.options
    return networkSize(photo, size, network.multiple)
  }

  async #shown(
    photo: Photo,
    { width, height }: Size,
    features: Float32Array | undefined | Promise<Float32Array | undefined>,
  ): Promise<Shown> {
    const { network, resize } = this.options
    const [seen, found] = await Promise.all([resize(photo, width, height), features])
    return { L: networkLightness(seen.rgb), features: found ?? new Float32Array(network.classes) }
  }

  /** Not before the calls have ended. */
  destroy(): void {
    this.#plans.destroy()
    this.own?.destroy()
  }

  #leaner(planned: PlanSize, { temperature }: Leaning): Promise<Executor> {
    const { gpu, network, variables } = this.options
    const bins = expectBins('these weights', network)
    return this.#plans.get(`${keyOf(planned)} at ${temperature}`, () =>
      Executor.create(
        gpu,
        leaningPlan(gpu, { network, bins, temperature, ...planned }, this.#halved),
        variables,
      ),
    )
  }

  /** The compiled network for one size. */
  #executor(planned: PlanSize): Promise<Executor> {
    const { gpu, network, variables } = this.options
    return this.#plans.get(keyOf(planned), () =>
      Executor.create(gpu, colouringPlan(gpu, network, planned, this.#halved), variables),
    )
  }
}

const keyOf = ({ width, height, spread }: PlanSize) => `${width}×${height}${spread ? ' told' : ''}`

/** A predictor with the weights of a file, on variables of its own, which it frees. */
export function predictorOf(
  gpu: Gpu,
  { network, parameters, statistics, metadata }: WeightFile,
  {
    precision = 'f32',
    size = trainedWith(metadata).size ?? DEFAULT_SIZE,
    ...more
  }: Pick<PredictorOptions, 'resize' | 'mirror'> & {
    readonly precision?: Precision
    readonly size?: number | undefined
  },
): Predictor {
  const variables = new Variables(gpu)
  const options = { gpu, network, variables, size, ...more }
  if (precision === 'f16') {
    const halved = new Map(Object.entries({ parameters, statistics }))
    return new Predictor({ ...options, halved }, variables)
  }
  variables.set('parameters', parameters)
  if (statistics.length) variables.set('statistics', statistics)
  return new Predictor(options, variables)
}

/** The size at which a picture is shown to the network: shorter side about `size`, both sides multiples of `multiple`. */
function networkSize({ width, height }: Size, size: number, multiple = 8): Size {
  const scale = size / Math.min(width, height)
  const side = (length: number) =>
    Math.max(multiple, Math.round(Math.min(length * scale, MAX_ASPECT * size) / multiple) * multiple)
  return { width: side(width), height: side(height) }
}
