import { existsSync } from 'node:fs'
import { relative } from 'node:path'
import type { Gpu } from '../../device/gpu.ts'
import type { Choices } from '../../device/traits.ts'
import { Predictor } from '../../infer/predictor.ts'
import type { EncodedPicture } from '../../io/events.ts'
import { matricesOf } from '../../kernels/matrix/gemm.ts'
import { describeOrigins } from '../../model/classifier.ts'
import { isSquaredError } from '../../model/losses.ts'
import { openPhotos, openRecords } from '../../node/data/dataset.ts'
import { adapterSummary } from '../../node/dawn.ts'
import { readPhoto, sharpResize } from '../../node/image.ts'
import { showPhotos } from '../../node/photos.ts'
import { saveFile } from '../../node/save.ts'
import { type ClassifierFile, loadClassifier } from '../../node/store/classifiers.ts'
import { bestPath, checkpointPath, RunFolder, samplesPath } from '../../node/store/run-folder.ts'
import { storeIn } from '../../node/store/runs.ts'
import { precisionOn } from '../../node/store/tuning.ts'
import { writeLossCurve, writeSamples } from '../../node/training-pictures.ts'
import { mean } from '../../numbers.ts'
import { type ClassVectors, sourceOptions, type TrainingSource } from '../../train/batches.ts'
import type { Checkpoint } from '../../train/checkpoint.ts'
import { PhotoClassVectors } from '../../train/class-vectors.ts'
import { Profiler } from '../../train/profile.ts'
import type { TrainingSettings } from '../../train/settings.ts'
import type { Validate } from '../../train/state.ts'
import {
  stepsOf,
  type Training,
  type TrainingObserver,
  type TrainingProgress,
  train,
} from '../../train/train.ts'
import { type Score, validate } from '../../train/validate.ts'
import { VERSION } from '../../version.ts'
import { bar, duration, type Terminal } from '../terminal.ts'
import { openAdapter } from './adapter.ts'
import { type Call, type Command, exitCode, wrong } from './command.ts'
import { Damage } from './damage.ts'
import { findData, heldOut, refuseTwins, type TrainingData } from './training-data.ts'
import { askedOf, TRAIN_OPTIONS, withTrunk } from './training-options.ts'
import { beginningOf, choicesAt, type Found, optionsOf, type StartOptions } from './training-start.ts'
import { withTaps } from './training-taps.ts'

export const trainCommand: Command = {
  summary: 'trains the network, on the sample photographs unless told otherwise',
  positionals: '[PHOTOS…]',
  options: TRAIN_OPTIONS,
  examples: [
    'colorizer train',
    'colorizer train photos/ --val holiday/ --epochs 50 --out runs/mine',
    'colorizer train photos/ --val holiday/ --out runs/mine --resume',
  ],

  async run(call) {
    // a wrong command line is told without waking the GPU
    const wanted = await withTrunk(askedOf(call.flags), call.flags)
    const data = await findData(call.positionals, call.flags)
    const asked = await withTaps(wanted, call.flags, data)
    const beginning = await beginningOf(call.flags, asked, data)
    const preciseTimestamps = call.flags.text('profile') !== undefined
    const choose = (tuned: Choices) => choicesAt(beginning, tuned, call.terminal.say)
    const gpu = await openAdapter(call, { preciseTimestamps }, choose)
    try {
      return await trainOn(gpu, call, { asked, data, beginning })
    } finally {
      gpu.destroy()
    }
  },
}

async function trainOn(gpu: Gpu, call: Call, found: Found) {
  const { flags, terminal } = call
  const { data } = found
  if (flags.texts('val').length) await refuseTwins(data)
  const options = await optionsOf(flags, found, gpu)
  const { settings, out } = options
  precisionOn(gpu, settings.precision) // throws where the adapter lacks it
  expectMatrices(gpu, settings, out)
  const vectors = await openClassVectors(gpu, options.classifiers, settings)
  const damage = new Damage(flags.on('strict'), terminal)
  const source = await open(data, options, vectors, damage.found)
  try {
    const trained = await trainInFolder({ gpu, call, options, data, source, vectors })
    const { training } = trained
    const pictures = [await writeLossCurve(out, training.checkpoint, training.grayLoss)]
    if (existsSync(samplesPath(out))) pictures.push(samplesPath(out))
    return {
      json: {
        ...summary(training, gpu.adapterName, out, pictures),
        grayVal: trained.scores.size
          ? mean([...trained.scores.values()].map(({ grayMse }) => grayMse))
          : null,
        skipped: damage.count,
      },
      text: describe(trained, out, pictures, damage.count),
      code: exitCode(training.interrupted, damage.count),
    }
  } finally {
    await source.close()
  }
}

interface Work {
  readonly gpu: Gpu
  readonly call: Call
  readonly options: StartOptions
  readonly data: TrainingData
  readonly source: TrainingSource
  readonly vectors: readonly ClassVectors[]
}

interface Trained {
  readonly training: Training
  /** Of the last validation, by the names of the sets. */
  readonly scores: ReadonlyMap<string, Score>
}

/** The training itself, in its folder, which is this process's as long as it takes. */
async function trainInFolder(work: Work): Promise<Trained> {
  const { gpu, call, options, data, source } = work
  const { out, start, settings } = options
  const { flags, terminal, interrupted: signal } = call
  const checkpoint = start.kind === 'resume' ? start.checkpoint : null
  const asked = about(call, adapterSummary(gpu).name, options)
  const folder = await RunFolder.open(out, checkpoint, asked, terminal.say)
  const profiler = flags.text('profile') === undefined ? undefined : new Profiler()
  const judge = new Judge(work)
  try {
    terminal.say(
      `training on ${source.length} pictures, ${heldOut(data).length} held out: ${describeSettings(options)}, ${gpu.adapterName} → ${out}`,
    )
    sayChange(source, options, terminal)
    const training = await train({
      ...{ ...options, gpu, source, settings, store: storeIn(out, folder.check), profiler, signal },
      observer: observerOf(options, folder, judge, terminal),
      validate: judge.validate,
      checked: isDebugging(),
    })
    if (profiler) {
      await saveFile(flags.text('profile')!, Buffer.from(profiler.trace()))
      terminal.say(profiler.table())
    }
    return { training, scores: judge.scores }
  } finally {
    judge.destroy()
    await folder.close()
  }
}

/** Looks at every value of every node, and names the first one that is none. */
const isDebugging = () => process.env.DEBUG === '1'

/** Colours the pictures that are held out, whenever it is time to. */
class Judge {
  /** Of the last validation, by the names of the sets. */
  scores: ReadonlyMap<string, Score> = new Map()
  /** Of the last validation. */
  samples: EncodedPicture | undefined
  #predictor: Predictor | undefined

  constructor(private readonly work: Work) {}

  readonly validate: Validate = async (weights) => {
    const { gpu, call, options, data, vectors } = this.work
    const { network, settings, out } = options
    if (data.val.length === 0) return null
    this.#predictor ??= new Predictor({
      gpu,
      network,
      variables: weights,
      size: settings.size,
      resize: sharpResize,
    })
    const scores = new Map<string, Score>()
    for (const { name, paths } of data.val) {
      call.terminal.progress(`validating on ${paths.length} pictures (${name})`)
      const score = await validate(this.#predictor, showPhotos(paths, vectors[0]), call.interrupted)
      if (!score) return null
      scores.set(name, score)
    }
    this.scores = scores
    this.samples = await writeSamples(out, heldOut(data), {
      predictor: this.#predictor,
      saturation: 1,
      vectors: vectors[0],
    })
    const errors = [...scores].map(([name, { abMse }]) => [name, abMse] as const)
    return errors.length === 1 ? errors[0]![1] : Object.fromEntries(errors)
  }

  destroy(): void {
    this.#predictor?.destroy()
  }
}

function observerOf(
  { network, settings }: StartOptions,
  folder: RunFolder,
  judge: Judge,
  terminal: Terminal,
): TrainingObserver {
  const showsGray = isSquaredError(network, settings)
  return {
    onStep: (progress) => terminal.progress(describeProgress(progress, showsGray)),
    onLog: (line) => folder.logStep(line),
    onValidation: ({ abMse, ...validation }) =>
      folder.logValidation({ ...validation, val: abMse }, judge.samples),
  }
}

function describeProgress(progress: TrainingProgress, showsGray: boolean): string {
  const { step, total, loss, grayLoss, imagesPerSecond, secondsLeft } = progress
  const gray = showsGray ? ` (grey ${grayLoss.toPrecision(4)})` : ''
  return `step ${step} of ${total} ${bar(step / total)} · loss ${loss.toPrecision(4)}${gray} · ${imagesPerSecond.toFixed(1)} images/s · ${duration(secondsLeft)} left`
}

/** Says so when a training is to become longer or shorter than it was begun. */
function sayChange(source: TrainingSource, options: StartOptions, terminal: Terminal): void {
  const { start, settings, course } = options
  if (start.kind !== 'resume') return
  const [was, is] = [stepsOf(source, start.checkpoint.course), stepsOf(source, course)]
  if (was === is) return
  const what =
    settings.schedule === 'cosine' ? `the learning rate now falls over ${is}` : `it now ends at ${is}`
  terminal.say(`it was begun for ${was} steps; ${what}`)
}

/** What the run folder's settings.json says. */
function about({ positionals, flags }: Call, adapter: string, options: StartOptions) {
  const { init, network, settings, course, checkpointEvery } = options
  const asked = { photos: positionals, records: flags.texts('records'), val: flags.texts('val') }
  const { steps, ...others } = course
  const limits = { ...others, ...(Number.isFinite(steps) ? { steps } : {}), checkpointEvery }
  const { name, architecture } = network
  return { version: VERSION, adapter, data: asked, init, ...limits, network: name, architecture, settings }
}

async function openClassVectors(
  gpu: Gpu,
  files: readonly ClassifierFile[],
  { classVectors }: TrainingSettings,
): Promise<readonly ClassVectors[]> {
  const opened: ClassVectors[] = []
  for (const [i, file] of files.entries()) {
    const classifier = await loadClassifier(gpu, file, { fit: classVectors[i]!.fit })
    opened.push(new PhotoClassVectors(classifier, readPhoto))
  }
  return opened
}

/** A training is to go on to the same bits. Throws a `UserError` (exit code 2) where it was begun the other way. */
function expectMatrices(gpu: Gpu, { subgroupMatrices = false }: TrainingSettings, out: string): void {
  if (subgroupMatrices === (matricesOf(gpu.traits) !== null)) return
  throw wrong(
    subgroupMatrices
      ? `${out} was begun in the subgroups' matrices: it goes on with --subgroup-matrices, on an adapter that has them`
      : `${out} was begun without the subgroups' matrices: leave out --subgroup-matrices`,
  )
}

function describeSettings({ init, network, settings }: StartOptions): string {
  const { size, batch, accumulate, seed, loss, classVectors, precision } = settings
  const parts = [
    ...(init === undefined ? [] : [`beginning with ${init}`]),
    ...Object.entries(network.architecture).map(([name, value]) => `${name} ${described(value)}`),
    `${size} px`,
    `batch ${accumulate > 1 ? `${accumulate} × ` : ''}${batch}`,
    `seed ${seed}`,
    ...(network.bins ? [] : [`${loss} loss`]),
    describeOrigins(classVectors),
    ...(settings.taps ? ['from stored taps'] : []),
    ...(precision === 'f16' ? ['float16'] : []),
    ...(settings.subgroupMatrices ? ["the subgroups' matrices"] : []),
  ]
  return `network ${network.name}, ${parts.join(', ')}`
}

/** What has a name is called by it. */
const described = (value: unknown) => String((value as { name?: unknown } | null)?.name ?? value)

function open(
  data: TrainingData,
  { network, settings }: StartOptions,
  vectors: readonly ClassVectors[],
  onUndecodable: (reason: string) => void,
): Promise<TrainingSource> {
  const options = { ...sourceOptions(network, settings), classVectors: vectors, onUndecodable }
  return data.kind === 'records' ? openRecords(data.folders, options) : openPhotos(data.train, options)
}

function summary(
  { checkpoint, imagesPerSecond, grayLoss, outOfPatience }: Training,
  adapter: string,
  out: string,
  pictures: string[],
) {
  return {
    steps: checkpoint.step,
    epochs: checkpoint.epoch,
    loss: [...checkpoint.losses],
    grayLoss,
    val: checkpoint.validations,
    outOfPatience,
    imagesPerSecond,
    adapter,
    checkpoint: checkpointPath(out),
    best: bestIn(out),
    pictures,
  }
}

/** The weights that did best on the validation pictures; null where there were none. */
const bestIn = (out: string) => (existsSync(bestPath(out)) ? bestPath(out) : null)

function describe({ training, scores }: Trained, out: string, pictures: string[], skipped: number): string {
  const { checkpoint, imagesPerSecond, grayLoss, interrupted } = training
  const { step, losses } = checkpoint
  const last = losses.slice(-Math.min(20, losses.length))
  const mean = last.reduce((a, b) => a + b, 0) / Math.max(1, last.length)
  const lines = [
    `${interrupted ? 'interrupted after' : 'trained'} ${step} steps at ${imagesPerSecond.toFixed(1)} images/s`,
    `training loss ${mean.toPrecision(4)}${isSquaredError(checkpoint.weights.network, checkpoint.settings) ? ` (all grey: ${grayLoss.toFixed(1)})` : ''}`,
  ]
  if (skipped) lines.push(`${skipped} damaged, left out`)
  if (training.outOfPatience) lines.push(describeEnd(checkpoint))
  for (const [name, { abMse, grayMse }] of scores)
    lines.push(
      `${scores.size > 1 ? `${name}: ` : ''}held-out ab error ${abMse.toFixed(1)} (all grey: ${grayMse.toFixed(1)})`,
    )
  const files = [checkpointPath(out), bestIn(out) ?? [], pictures].flat()
  lines.push(...files.map((file) => relative('.', file)))
  if (interrupted) lines.push(`continue with --out ${relative('.', out)} --resume`)
  return lines.join('\n')
}

/** "it ended early: 3 validations in a row were no better than that of step 200" */
function describeEnd({ course, validations }: Checkpoint): string {
  const best = validations.reduce((a, b) => (b.abMse < a.abMse ? b : a))
  return `it ended early: ${course.patience} validations in a row were no better than that of step ${best.step}`
}
