import { labToSrgb, lightness } from '../color/lab.ts'
import type { Gpu } from '../device/gpu.ts'
import { compile, type Plan } from '../graph/compile.ts'
import { Executor, type NamedBuffers, Variables } from '../graph/execute.ts'
import type { Precision } from '../graph/half.ts'
import { type FixedVariables, rewriteForInference } from '../graph/rewrite.ts'
import type { Weights } from '../io/weights.ts'
import { trainingOf } from '../io/weights.ts'
import type { Architecture } from '../model/report/layers.ts'
import { inferenceGraph } from '../model/report/training.ts'
import { bands, networkLightness, type Photo, resize, upsampleAb } from '../node/image.ts'
import { expectFinite } from '../node/trouble.ts'

/** The size of a picture's shorter side for weight files that don't say at which size they were trained. */
const DEFAULT_SIZE = 224
/** Plans kept for pictures of different proportions; each holds the memory of one network pass. */
const MAX_PLANS = 4
/** Panoramas are shown to the network at most this many times as long as they are high. */
const MAX_ASPECT = 4

/** The network's colours of one picture, at the size the network saw it: [height, width, 2] in ab units. */
export interface SmallAb {
  readonly ab: Float32Array
  readonly width: number
  readonly height: number
}

/** One colour for a whole picture. */
export const oneColour = (a: number, b: number): SmallAb => ({
  ab: Float32Array.of(a, b),
  width: 1,
  height: 1,
})

/** No colour at all. */
export const GRAY = oneColour(0, 0)

/** Shows whole pictures to the network whose weights are in `variables`. */
export class Predictor {
  readonly #plans = new Map<string, Executor>()

  /**
   * @param size the shorter side of a picture as the network sees it: what it was trained at
   * @param halved the weights, where each plan is to have its own as float16, and to compute from float16 values
   */
  constructor(
    private readonly gpu: Gpu,
    private readonly architecture: Architecture,
    private readonly variables: NamedBuffers,
    private readonly size: number,
    private readonly halved: FixedVariables | null = null,
  ) {}

  /**
   * The colours of `photo`, whose own colours are not looked at: only its lightness reaches the network.
   * @param features class probabilities; none means a vector of zeros
   * @throws UserError when a value in between was too large for float16
   */
  async predict(photo: Photo, features?: Float32Array): Promise<SmallAb> {
    const { width, height } = networkSize(photo, this.size)
    const executor = await this.#executor(width, height)
    const seen = await resize(photo, width, height)
    executor.upload('L', networkLightness(seen.rgb))
    executor.upload('features', features ?? new Float32Array(this.architecture.classes))
    const [ab] = await executor.run(['ab'])
    if (this.halved) expectFinite(ab!, 'the colours')
    return { ab: ab!, width, height }
  }

  destroy(): void {
    for (const executor of this.#plans.values()) executor.destroy()
    this.#plans.clear()
  }

  /** The compiled network for one size; the least recently used one makes room. */
  async #executor(width: number, height: number): Promise<Executor> {
    const key = `${width}×${height}`
    let executor = this.#plans.get(key)
    this.#plans.delete(key)
    if (!executor) {
      if (this.#plans.size >= MAX_PLANS) this.#evict()
      executor = await Executor.create(
        this.gpu,
        colouringPlan(this.gpu, this.architecture, { width, height }, this.halved),
        this.variables,
      )
    }
    this.#plans.set(key, executor)
    return executor
  }

  #evict(): void {
    const [oldest, executor] = this.#plans.entries().next().value!
    executor.destroy()
    this.#plans.delete(oldest)
    this.gpu.pool.trim()
  }
}

/** The colouring of one picture of this size; `halved` as for the `Predictor`. */
export function colouringPlan(
  { device, traits }: Pick<Gpu, 'device' | 'traits'>,
  architecture: Architecture,
  size: { readonly width: number; readonly height: number },
  halved: FixedVariables | null,
): Plan {
  const graph = inferenceGraph(architecture, { batch: 1, ...size })
  const limit = device.limits.maxStorageBufferBindingSize
  if (!halved) return compile(graph, limit, traits)
  return compile(rewriteForInference(graph, halved), limit, traits, { precision: 'f16' })
}

/** A predictor with the weights of a file, on variables of its own. */
export function predictorOf(
  gpu: Gpu,
  { architecture, parameters, statistics, metadata }: Weights & { metadata: Record<string, string> },
  precision: Precision = 'f32',
): Predictor {
  const size = trainingOf(metadata).size ?? DEFAULT_SIZE
  const variables = new Variables(gpu)
  if (precision === 'f16') {
    const halved = new Map(Object.entries({ parameters, statistics }))
    return new Predictor(gpu, architecture, variables, size, halved)
  }
  variables.set('parameters', parameters)
  variables.set('statistics', statistics)
  return new Predictor(gpu, architecture, variables, size)
}

/** The size at which a picture is shown to the network: shorter side about `size`, both sides multiples of 8. */
export function networkSize({ width, height }: { width: number; height: number }, size: number) {
  const scale = size / Math.min(width, height)
  const side = (length: number) =>
    Math.max(8, Math.round(Math.min(length * scale, MAX_ASPECT * size) / 8) * 8)
  return { width: side(width), height: side(height) }
}

/** `photo` in the network's colours: its own lightness at full resolution, colours enlarged bilinearly. */
export function paint(photo: Photo, small: SmallAb, saturation: number): Photo {
  const rgb = new Uint8Array(photo.rgb.length)
  for (const { first, last, pixels } of bands(photo)) {
    const ab = enlarge(small, photo, first, last)
    for (let i = 0; i < ab.length; i++) ab[i]! *= saturation
    const [from, to] = [pixels[0] * 3, pixels[1] * 3]
    labToSrgb(lightness(photo.rgb.subarray(from, to)), ab, rgb.subarray(from, to))
  }
  return { ...photo, rgb }
}

/** The photograph's lightness alone: what somebody who wants colours starts from. */
export function grayOf(photo: Photo): Photo {
  return paint(photo, GRAY, 1)
}

/** Rows `first` to `last` of the network's colours at the size of `photo`: [rows, width, 2]. */
export const enlarge = ({ ab, width, height }: SmallAb, photo: Photo, first: number, last: number) =>
  upsampleAb(ab, width, { x: 0, y: 0, width, height }, photo, [first, last])
