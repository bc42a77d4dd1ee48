/** `npm run compare:onnx`: ONNX models on our kernels and in ONNX Runtime, on the same inputs. */

import { type Flags, wrong } from '../../src/cli/commands/command.ts'
import { EXIT } from '../../src/cli/exit.ts'
import type { Gpu } from '../../src/device/gpu.ts'
import { UserError } from '../../src/errors.ts'
import { inputOf } from '../../src/infer/classifier-input.ts'
import type { Input } from '../../src/io/onnx/import.ts'
import { relayout } from '../../src/io/onnx/values.ts'
import { readPhoto, sharpResize } from '../../src/node/image.ts'
import { findPhotos } from '../../src/node/photos.ts'
import { openTunedGpu } from '../../src/node/store/tuning.ts'
import { median, product } from '../../src/numbers.ts'
import { uniform4 } from '../../src/random.ts'
import { Model, type Values } from '../model.ts'
import { start } from '../program.ts'
import { relativeError, sameTop5 } from './agreement.ts'
import { installPeers } from './install.ts'
import { loadOnnxRuntime, Session } from './onnxruntime.ts'

const TOLERANCE = 1e-3
/** Random inputs that a model is run on when there are no photographs. */
const RANDOM_RUNS = 3

interface Options {
  readonly batch: number
  readonly seed: number
  readonly tolerance: number
  readonly photos: readonly string[]
}

interface Row {
  readonly model: string
  readonly batch: number
  /** Inputs that it was run on, a batch each; photographs when there are any. */
  readonly runs: number
  readonly photos: number
  /** Largest difference of any output, relative to the largest value of that output. */
  readonly error: number
  /** Samples with the same five likeliest classes, of all; null when no output is a row of classes. */
  readonly top5: { readonly same: number; readonly of: number } | null
  /** Medians of one run, in milliseconds, from arrays to arrays. */
  readonly ours: number
  readonly onnxRuntime: number
  readonly agrees: boolean
}

function optionsOf(flags: Flags, photos: readonly string[]): Options {
  return {
    batch: flags.integer('batch') ?? 1,
    seed: flags.integer('seed', { min: 0 }) ?? 0,
    tolerance: flags.number('tolerance', { exclusive: true }) ?? TOLERANCE,
    photos,
  }
}

async function compareModel(gpu: Gpu, path: string, options: Options): Promise<Row> {
  const model = await Model.open(gpu, path, options.batch)
  if (model.outputs.every(({ constant }) => constant)) {
    throw new UserError(`${path} computes nothing that could be compared`, 'weights')
  }
  const session = await Session.open(path, model.inputs, 'cpu')
  const tally = new Tally()
  try {
    let isWarm = false
    for await (const { values, used } of inputsOf(path, model.inputs, options)) {
      if (!isWarm) await Promise.all([model.run(values), session.run(values)])
      isWarm = true
      const [ours, oursMs] = await timed(() => model.run(values))
      const [theirs, theirMs] = await timed(() => session.run(values))
      tally.add(oursMs, theirMs)
      for (const { name, shape } of model.outputs) {
        if (ours.has(name)) tally.compare(ours.get(name)!, theirs.get(name)!, shape, used)
      }
    }
  } finally {
    model.destroy()
    await session.destroy()
  }
  return tally.row(path, options)
}

/** What has come out so far. */
class Tally {
  #error = 0
  #same = 0
  #of = 0
  readonly #ours: number[] = []
  readonly #theirs: number[] = []

  add(ours: number, theirs: number): void {
    this.#ours.push(ours)
    this.#theirs.push(theirs)
  }

  /** @param used samples of the batch that are looked at for their classes; behind them it is filled up */
  compare(ours: Float32Array, theirs: Float32Array, shape: readonly number[], used: number): void {
    const error = relativeError(ours, theirs)
    if (!(error <= this.#error)) this.#error = error
    const [N, classes] = shape as [number, number]
    if (shape.length !== 2 || classes < 5) return
    for (let n = 0; n < Math.min(N, used); n++) {
      const row = (values: Float32Array) => values.subarray(n * classes, (n + 1) * classes)
      if (sameTop5(row(ours), row(theirs))) this.#same++
      this.#of++
    }
  }

  row(model: string, { batch, photos, tolerance }: Options): Row {
    const [error, same, of] = [this.#error, this.#same, this.#of]
    return {
      ...{ model, batch, runs: this.#ours.length, photos: photos.length, error },
      top5: of ? { same, of } : null,
      ours: median(this.#ours),
      onnxRuntime: median(this.#theirs),
      agrees: error <= tolerance && same === of,
    }
  }
}

/** Batches of photographs, the last one filled up with white; without photographs, of random numbers in −1…1. */
async function* inputsOf(path: string, inputs: readonly Input[], options: Options) {
  const { photos } = options
  const [input] = inputs
  if (!photos.length) {
    for (let run = 0; run < RANDOM_RUNS; run++)
      yield { values: randomValues(inputs, options.seed, run), used: Infinity }
    return
  }
  const [batch, channels, size, width] = input?.shape ?? []
  if (inputs.length !== 1 || channels !== 3 || size !== width || !batch || !size) {
    throw new UserError(`${path} takes no photographs: its input is not one of [N×3×S×S]`, 'usage')
  }
  const each = 3 * size * size
  for (let at = 0; at < photos.length; at += batch) {
    const pixels = new Float32Array(batch * each).fill(1)
    const names = photos.slice(at, at + batch)
    for (const [i, name] of names.entries()) {
      pixels.set(
        await inputOf(await readPhoto(name), { size, fit: 'stretch', resize: sharpResize }),
        i * each,
      )
    }
    yield {
      values: new Map([[input!.name, relayout(pixels, input!.shape, 'nhwc', true)]]),
      used: names.length,
    }
  }
}

function randomValues(inputs: readonly Input[], seed: number, run: number): Values {
  return new Map(
    inputs.map(({ name, shape }, stream) => {
      const length = product(shape)
      return [name, Float32Array.from({ length }, (_, i) => 2 * uniform4(seed, stream, i, run)[0] - 1)]
    }),
  )
}

async function timed<T>(work: () => Promise<T>): Promise<[T, number]> {
  const started = performance.now()
  const result = await work()
  return [result, performance.now() - started]
}

function lineOf({ model, batch, runs, photos, error, top5, ours, onnxRuntime, agrees }: Row): string {
  const inputs = photos ? `${photos} photographs` : `${runs} random inputs`
  const same = top5 ? `, same top 5 in ${top5.same} of ${top5.of}` : ''
  const times = `${ours.toFixed(0)} ms, ONNX Runtime ${onnxRuntime.toFixed(0)} ms`
  return `${agrees ? 'agrees' : 'DIFFERS'}  ${model}, batch ${batch}, ${inputs}: max |Δ| / max ${error.toExponential(1)}${same}; ${times}`
}

await start({
  name: 'compare:onnx',
  summary: "holds ONNX models on these kernels against ONNX Runtime's CPU provider",
  positionals: 'MODEL.onnx… [PHOTOS…]',
  options: {
    batch: { value: 'N', help: 'samples at once, where the model leaves that open (1)' },
    tolerance: { value: 'F', help: `largest difference, relative to the largest value (${TOLERANCE})` },
    seed: { value: 'N', help: 'of the random inputs that are used without photographs (0)' },
  },
  notes: `Photographs (files, folders, globs) are made grey and stretched, as a classifier sees them. Exit code 1 when an output
differs by more than the tolerance, or the five likeliest classes differ.`,
  async run(flags, positionals, terminal) {
    const models = positionals.filter((name) => name.endsWith('.onnx'))
    if (!models.length) throw wrong('name one MODEL.onnx or more')
    const named = positionals.filter((name) => !models.includes(name))
    const options = optionsOf(
      flags,
      (await findPhotos(named)).map(({ path }) => path),
    )
    installPeers()
    const { env } = await loadOnnxRuntime()
    const gpu = await openTunedGpu({ adapter: flags.text('adapter') }, terminal.warn)
    try {
      const rows: Row[] = []
      for (const model of models) {
        terminal.progress(`${rows.length + 1} of ${models.length}: ${model}`)
        rows.push(await compareModel(gpu, model, options))
      }
      const adapter = gpu.adapterName
      const text = [`${adapter}; ONNX Runtime ${env.versions.node}, CPU`, ...rows.map(lineOf)].join('\n')
      const code = rows.every(({ agrees }) => agrees) ? EXIT.ok : EXIT.someInputFailed
      return {
        json: { adapter, onnxRuntime: env.versions.node, tolerance: options.tolerance, rows },
        text,
        code,
      }
    } finally {
      gpu.destroy()
    }
  },
})
