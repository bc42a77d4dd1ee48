import { existsSync } from 'node:fs'
import { relative } from 'node:path'
import type { Gpu } from '../../device/gpu.ts'
import type { Choices } from '../../device/traits.ts'
import { Variables } from '../../graph/execute.ts'
import { type ClassifierFile, openClassifier } from '../../infer/classifier.ts'
import { Predictor } from '../../infer/predictor.ts'
import { matricesOf } from '../../kernels/matrix/gemm.ts'
import { describeOrigins } from '../../model/classifier.ts'
import { isSquaredError } from '../../model/losses.ts'
import { architectureIn } from '../../model/report/layers.ts'
import { type ClassVectors, openPhotos, openRecords, type TrainingSource } from '../../node/data/dataset.ts'
import { adapterSummary } from '../../node/dawn.ts'
import { writeLossCurve, writeSamples } from '../../node/report.ts'
import { saveFile } from '../../node/save.ts'
import { bestPath, checkpointPath, RunFolder, samplesPath } from '../../node/store/run-folder.ts'
import { stepBatch, type TrainingSettings } from '../../train/checkpoint.ts'
import { PhotoClassVectors } from '../../train/class-vectors.ts'
import { type Measured, stepsOf, type Training, type TrainOptions, train } from '../../train/loop.ts'
import { countRarity } from '../../train/rarity.ts'
import { type Score, validate } from '../../train/validate.ts'
import { VERSION } from '../../version.ts'
import type { Terminal } from '../terminal.ts'
import { openAdapter } from './adapter.ts'
import { type Call, type Command, exitCode, wrong } from './command.ts'
import { Damage } from './damage.ts'
import { precisionOn } from './precision.ts'
import { findData, refuseTwins, type TrainingData } from './training-data.ts'
import { type Asked, askedOf, TRAIN_OPTIONS } from './training-options.ts'
import { type Beginning, beginningOf, choicesAt, optionsOf } from './training-start.ts'

const SATURATION = 1.2

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
    const asked = askedOf(call.flags) // a wrong command line is told without waking the GPU
    const data = await findData(call.positionals, call.flags)
    const beginning = await beginningOf(call.flags, asked, data)
    const preciseTimestamps = call.flags.text('profile') !== undefined
    const choose = (tuned: Choices) => choicesAt(beginning, tuned, call.terminal.say)
    const gpu = await openAdapter(call, { preciseTimestamps }, choose)
    try {
      return await trainOn(gpu, call, asked, data, beginning)
    } finally {
      gpu.destroy()
    }
  },
}

async function trainOn(gpu: Gpu, call: Call, asked: Asked, data: TrainingData, beginning: Beginning) {
  const { flags, terminal } = call
  const adapter = adapterSummary(gpu)
  if (flags.text('val') !== undefined) await refuseTwins(data)
  const { options, classifiers } = await optionsOf(flags, asked, data, beginning, gpu)
  const { settings, out, start } = options
  precisionOn(gpu, settings.precision) // throws where the adapter lacks it
  expectMatrices(gpu, settings, out)
  const vectors = await openClassVectors(gpu, classifiers, settings)
  const damage = new Damage(flags.on('strict'), terminal)
  const source = await open(data, settings, vectors, damage.found)
  try {
    const checkpoint = start.kind === 'resume' ? start.checkpoint : null
    const folder = await RunFolder.open(out, checkpoint, about(call, adapter.name, options))
    try {
      terminal.say(
        `training on ${source.length} pictures, ${data.val.length} held out: ${describeSettings(settings)}, ${adapter.name} → ${out}`,
      )
      sayChange(source, options, terminal)
      const isWeighted = settings.loss === 'rarity' || settings.head === 'bins'
      const rarity = isWeighted ? await countRarity(gpu, source, settings) : undefined
      const logged = { ...options, rarity, log: folder }
      const { training, score } = await trainIn(logged, gpu, source, data, vectors, call)
      const pictures = [await writeLossCurve(out, training.checkpoint, training.grayLoss)]
      if (existsSync(samplesPath(out))) pictures.push(samplesPath(out))
      return {
        json: { ...summary(training, adapter.name, out, pictures), skipped: damage.count },
        text: describe(training, score, out, pictures, damage.count),
        code: exitCode(training.interrupted, damage.count),
      }
    } finally {
      await folder.close()
    }
  } finally {
    await source.close()
  }
}

/** Says so when a training is to become longer or shorter than it was begun. */
function sayChange(source: TrainingSource, options: TrainOptions, terminal: Terminal): void {
  const { start, settings } = options
  const course = start.kind === 'resume' && start.checkpoint.course
  if (!course) return
  const [was, is] = [stepsOf(source, course), stepsOf(source, options)]
  if (was === is) return
  const what =
    settings.schedule === 'cosine' ? `the learning rate now falls over ${is}` : `it now ends at ${is}`
  terminal.say(`it was begun for ${was} steps; ${what}`)
}

/** What the run folder's settings.json says. */
function about({ positionals, flags }: Call, adapter: string, options: TrainOptions) {
  const { settings, epochs, steps, checkpointEvery, validateEvery } = options
  const asked = { photos: positionals, records: flags.text('records'), val: flags.text('val') }
  const limits = { epochs, ...(Number.isFinite(steps) ? { steps } : {}), checkpointEvery, validateEvery }
  return { version: VERSION, adapter, data: asked, ...limits, settings }
}

async function trainIn(
  options: TrainOptions,
  gpu: Gpu,
  source: TrainingSource,
  { val }: TrainingData,
  [vectors]: readonly ClassVectors[],
  { flags, terminal, interrupted }: Call,
): Promise<{ training: Training; score: Score | null }> {
  const { settings, out, profiler } = options
  const architecture = architectureIn(settings)
  const variables = new Variables(gpu)
  // what is validated and shown is what is kept: the average
  const kept = {
    buffer: (name: string) => variables.buffer(name === 'parameters' ? 'average' : name),
    writes: variables.writes,
  }
  const predictor = new Predictor(gpu, architecture, kept, settings.size)
  let score: Score | null = null
  const measure = async (): Promise<Measured | null> => {
    if (val.length === 0) return null
    terminal.progress(`validating on ${val.length} pictures`)
    const found = await validate(predictor, val, vectors, interrupted)
    if (!found) return null
    score = found
    return { abMse: found.abMse, samples: await writeSamples(out, predictor, val, SATURATION, vectors) }
  }
  try {
    const training = await train(gpu, source, variables, options, measure, terminal, interrupted)
    if (profiler) {
      await saveFile(flags.text('profile')!, Buffer.from(profiler.trace()))
      terminal.say(profiler.table())
    }
    return { training, score }
  } finally {
    predictor.destroy()
    variables.destroy()
  }
}

async function openClassVectors(
  gpu: Gpu,
  files: readonly ClassifierFile[],
  { classVectors }: TrainingSettings,
): Promise<readonly ClassVectors[]> {
  const opened: ClassVectors[] = []
  for (const [i, file] of files.entries())
    opened.push(new PhotoClassVectors(await openClassifier(gpu, file, { fit: classVectors[i]!.fit })))
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

const describeSettings = (settings: TrainingSettings) => {
  const { width, size, batch, accumulate, seed, head, loss, classVectors, precision } = settings
  const isHalf = precision === 'f16'
  return `width ${width}, ${size} px, batch ${accumulate > 1 ? `${accumulate} × ` : ''}${batch}, seed ${seed}, ${head === 'ab' ? `${loss} loss` : 'head bins'}, ${describeOrigins(classVectors)}${isHalf ? ', float16' : ''}${settings.subgroupMatrices ? " in the subgroups' matrices" : ''}`
}

function open(
  data: TrainingData,
  settings: TrainingSettings,
  vectors: readonly ClassVectors[],
  onUndecodable: (reason: string) => void,
): Promise<TrainingSource> {
  const { size, seed, classes, fit, lightnessJitter } = settings
  const options = {
    ...{ size, batch: stepBatch(settings), seed, classes, augment: fit === 'crop', fit, lightnessJitter },
    classVectors: vectors,
    classDropout: settings.classVectors.length ? settings.classDropout : 1,
    onUndecodable,
  }
  return data.kind === 'records' ? openRecords(data.train[0]!, options) : openPhotos([...data.train], options)
}

function summary(
  { checkpoint, imagesPerSecond, grayLoss }: Training,
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
    imagesPerSecond,
    adapter,
    checkpoint: checkpointPath(out),
    best: bestIn(out),
    pictures,
  }
}

/** The weights that did best on the validation pictures; null where there were none. */
const bestIn = (out: string) => (existsSync(bestPath(out)) ? bestPath(out) : null)

function describe(
  training: Training,
  score: Score | null,
  out: string,
  pictures: string[],
  skipped: number,
): string {
  const { checkpoint, imagesPerSecond, grayLoss, interrupted } = training
  const { step, losses } = checkpoint
  const last = losses.slice(-Math.min(20, losses.length))
  const mean = last.reduce((a, b) => a + b, 0) / Math.max(1, last.length)
  const lines = [
    `${interrupted ? 'interrupted after' : 'trained'} ${step} steps at ${imagesPerSecond.toFixed(1)} images/s`,
    `training loss ${mean.toPrecision(4)}${isSquaredError(checkpoint.settings) ? ` (all grey: ${grayLoss.toFixed(1)})` : ''}`,
  ]
  if (skipped) lines.push(`${skipped} damaged, left out`)
  if (score) lines.push(`held-out ab error ${score.abMse.toFixed(1)} (all grey: ${score.grayMse.toFixed(1)})`)
  const files = [checkpointPath(out), bestIn(out) ?? [], pictures].flat()
  lines.push(...files.map((file) => relative('.', file)))
  if (interrupted) lines.push(`continue with --out ${relative('.', out)} --resume`)
  return lines.join('\n')
}
