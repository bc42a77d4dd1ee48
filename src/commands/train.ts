import { existsSync } from 'node:fs'
import { join, relative } from 'node:path'
import { PhotoClassVectors } from '../class-vectors.ts'
import { EXIT, UserError } from '../errors.ts'
import { Variables } from '../graph/execute.ts'
import type { TrainingSettings } from '../io/checkpoint.ts'
import { type ClassifierFile, openClassifier } from '../io/classify.ts'
import { type ClassVectors, openPhotos, openRecords, type TrainingSource } from '../io/dataset.ts'
import { adapterSummary } from '../io/dawn.ts'
import { saveFile } from '../io/save.ts'
import { readWeights } from '../io/weights.ts'
import type { Gpu } from '../kernels/gpu.ts'
import { CLASSES } from '../model/classifier.ts'
import { Predictor } from '../predict.ts'
import { Profiler } from '../profile.ts'
import { writeLossCurve, writeSamples } from '../report.ts'
import { SCHEDULES } from '../schedule.ts'
import type { Terminal } from '../terminal.ts'
import {
  type AskedSettings,
  checkpointPath,
  newestRun,
  RUNS,
  resumable,
  type Start,
  type Training,
  type TrainOptions,
  train,
} from '../train.ts'
import { type Score, validate } from '../validate.ts'
import { openAdapter } from './adapter.ts'
import { CLASSIFIER_OPTIONS } from './classifier.ts'
import { type Call, type Command, type Flags, wrong } from './command.ts'
import { findClassVectors, findData, type TrainingData } from './training-data.ts'

const SATURATION = 1.2
/** The report's length of training, and the one for the sample photographs: minutes on a software adapter. */
const EPOCHS = { photos: 400, samples: 100 }
/**
 * What can be trained in reasonable time: `lite` on a CPU, the report's settings on a GPU. The sample photographs are
 * a demonstration; small batches give them the some hundred steps that batch norm's running averages need to settle.
 */
const SCALE = {
  samples: { size: 64, batch: 4, width: 0.25 },
  software: { size: 96, batch: 8, width: 0.25 },
  gpu: { size: 224, batch: 32, width: 1 },
}
const LEARNING_RATE = 1e-3
const WARM_UP = 50
const AVERAGING = 0.999
/** The share of samples that the network sees without a class vector, so that it also colours without one. */
const CLASS_DROPOUT = 0.3

export const trainCommand: Command = {
  summary: 'trains the network, on the sample photographs unless told otherwise',
  positionals: '[PHOTOS…]',
  options: {
    records: { value: 'DIR', help: 'train on TFRecord shards that `prepare` wrote' },
    val: { value: 'PATH', help: 'photographs to validate on (default: every eighth is held out)' },
    epochs: {
      value: 'N',
      help: `epochs to train (default ${EPOCHS.photos}; ${EPOCHS.samples} on the sample photographs)`,
    },
    steps: { value: 'N', help: 'steps to train, if that ends sooner' },
    batch: {
      value: 'N',
      help: 'pictures a step (default 32; 8 on a software adapter; 4 for the sample photographs)',
    },
    size: {
      value: 'PX',
      help: 'side of the training pictures, a multiple of 8 (default 224; 96 on a software adapter; 64 for the samples)',
    },
    width: {
      value: 'F',
      help: 'scales the channel counts (default 1; 0.25, "lite", on a software adapter and for the samples)',
    },
    lr: { value: 'F', help: `Adam's learning rate at its highest (default ${LEARNING_RATE})` },
    schedule: {
      value: 'cosine|steps',
      help: 'the learning rate falls to zero, or tenfold at epochs 100, 150, 200 and 300 (default cosine)',
    },
    warmup: { value: 'N', help: `steps over which the learning rate rises (default ${WARM_UP})` },
    averaging: {
      value: 'F',
      help: `decay of the running average of the weights, which is what is kept (default ${AVERAGING}; 0: the last weights)`,
    },
    seed: { value: 'N', help: 'of the weights, the order and the augmentation (default 0)' },
    fit: {
      value: 'crop|pad',
      help: 'crop pictures to fill the square, or pad them with white as the report did (default crop)',
    },
    ...CLASSIFIER_OPTIONS,
    'class-dropout': {
      value: 'F',
      help: `share of the samples shown without their class vector (default ${CLASS_DROPOUT})`,
    },
    profile: {
      value: 'FILE',
      help: "times the host's work and every kernel for some steps: a table, and FILE for Chrome's trace viewer",
    },
    out: { value: 'DIR', help: `folder of checkpoint and pictures (default ${RUNS}/<date and time>)` },
    init: { value: 'FILE', help: 'begin with these weights' },
    resume: { help: 'continue the training in --out (default: the newest below runs/) to the same bits' },
    'checkpoint-every': { value: 'N', help: 'steps between checkpoints (default 100)' },
    'validate-every': { value: 'N', help: 'steps between validations (default 250)' },
  },
  examples: [
    'colorizer train',
    'colorizer train photos/ --val holiday/ --epochs 50 --out runs/mine',
    'colorizer train photos/ --out runs/mine --epochs 50 --resume',
  ],

  async run(call) {
    const asked = askedOf(call.flags) // a wrong command line is told without waking the GPU
    const preciseTimestamps = call.flags.text('profile') !== undefined
    const gpu = await openAdapter(call, { preciseTimestamps })
    try {
      return await trainOn(gpu, call, asked)
    } finally {
      gpu.destroy()
    }
  },
}

async function trainOn(gpu: Gpu, { positionals, flags, terminal, interrupted }: Call, asked: Asked) {
  const adapter = adapterSummary(gpu)
  const data = await findData(positionals, flags)
  const { options, architecture, classifier } = await optionsOf(flags, asked, data, gpu)
  const { settings, out, profiler } = options
  useChoices(gpu, settings, terminal)
  const vectors = await openClassVectors(gpu, classifier, settings)
  const source = await open(data, settings, vectors, terminal)
  terminal.say(
    `training on ${source.length} pictures, ${data.val.length} held out: ${describeSettings(settings)}, ${adapter.name} → ${out}`,
  )
  const variables = new Variables(gpu)
  // what is validated and shown is what is kept: the average
  const kept = { buffer: (name: string) => variables.buffer(name === 'parameters' ? 'average' : name) }
  const predictor = new Predictor(gpu, architecture, kept, settings.size)
  try {
    let score: Score | null = null
    const check = async () => {
      if (data.val.length === 0) return null
      terminal.progress(`validating on ${data.val.length} pictures`)
      score = await validate(predictor, data.val, vectors)
      return score.abMse
    }
    const training = await train(gpu, source, variables, options, check, terminal, interrupted)
    const pictures = [await writeLossCurve(out, training.checkpoint, training.grayLoss)]
    if (data.val.length && !training.interrupted)
      pictures.push(await writeSamples(out, predictor, data.val, SATURATION, vectors))
    if (profiler) {
      await saveFile(flags.text('profile')!, Buffer.from(profiler.trace()))
      terminal.say(profiler.table())
    }
    return {
      json: summary(training, adapter.name, out, pictures),
      text: describe(training, score, out, pictures),
      code: training.interrupted ? EXIT.interrupted : EXIT.ok,
    }
  } finally {
    await source.close()
    predictor.destroy()
    variables.destroy()
  }
}

async function openClassVectors(
  gpu: Gpu,
  file: ClassifierFile | null,
  { classVectors }: TrainingSettings,
): Promise<PhotoClassVectors | undefined> {
  if (!file || !classVectors) return undefined
  return new PhotoClassVectors(await openClassifier(gpu, file, { fit: classVectors.fit }))
}

type Asked = ReturnType<typeof askedOf>

/** What the command line asks for, checked. */
function askedOf(flags: Flags) {
  return {
    settings: {
      seed: flags.integer('seed', { min: 0 }),
      batch: flags.integer('batch'),
      size: flags.integer('size', { min: 8, multipleOf: 8 }),
      width: flags.number('width', { exclusive: true }),
      learningRate: flags.number('lr', { exclusive: true }),
      schedule: flags.choice('schedule', SCHEDULES),
      warmup: flags.integer('warmup', { min: 0 }),
      averaging: flags.number('averaging', { max: 1 }),
      fit: flags.choice('fit', ['crop', 'pad']),
      classDropout: flags.number('class-dropout', { max: 1 }),
    },
    epochs: flags.integer('epochs'),
    steps: flags.integer('steps') ?? Number.POSITIVE_INFINITY,
    checkpointEvery: flags.integer('checkpoint-every') ?? 100,
    validateEvery: flags.integer('validate-every') ?? 250,
  }
}

/** Lets a training compute as it began, whatever was tuned since. */
function useChoices(gpu: Gpu, { choices = {} }: TrainingSettings, terminal: Terminal): void {
  const tuned = gpu.choices
  gpu.choices = new Map(Object.entries(choices))
  const isSame = ([key, name]: [string, string]) => gpu.choices.get(key) === name
  if (tuned.size !== gpu.choices.size || ![...tuned].every(isSame))
    terminal.say('it goes on with the kernels that it began with, not with those of the tuning')
}

const describeSettings = ({ width, size, batch, seed, classVectors }: TrainingSettings) =>
  `width ${width}, ${size} px, batch ${batch}, seed ${seed}, class vectors of ${classVectors?.classifier ?? 'no classifier'}`

async function optionsOf(flags: Flags, asked: Asked, data: TrainingData, gpu: Gpu) {
  const { seed, batch, size, width, learningRate, schedule, warmup, averaging, fit, classDropout } =
    asked.settings
  const scale =
    data.kind === 'samples' ? SCALE.samples : adapterSummary(gpu).isSoftware ? SCALE.software : SCALE.gpu
  const out = flags.text('out') ?? (flags.on('resume') ? await runToResume() : newRun())
  const start = await startOf(flags, out, { ...asked.settings, data: data.identity })
  const resumed = start.kind === 'resume' ? start.checkpoint.settings.classVectors : undefined
  const classVectors = await findClassVectors(flags, data, resumed)
  const settings: TrainingSettings =
    start.kind === 'resume'
      ? start.checkpoint.settings
      : {
          seed: seed ?? 0,
          batch: batch ?? scale.batch,
          size: size ?? scale.size,
          width: width ?? (start.kind === 'weights' ? start.width : scale.width),
          learningRate: learningRate ?? LEARNING_RATE,
          schedule: schedule ?? 'cosine',
          warmup: warmup ?? WARM_UP,
          averaging: averaging ?? AVERAGING,
          fit: fit ?? 'crop',
          classes: CLASSES,
          classVectors: classVectors.origin,
          classDropout: classDropout ?? CLASS_DROPOUT,
          data: data.identity,
          ...(gpu.choices.size ? { choices: Object.fromEntries(gpu.choices) } : {}),
        }
  const epochs = asked.epochs ?? (data.kind === 'samples' ? EPOCHS.samples : EPOCHS.photos)
  const profiler = flags.text('profile') === undefined ? undefined : new Profiler()
  const options: TrainOptions = { ...asked, settings, start, out, epochs, profiler }
  const architecture = { width: settings.width, classes: settings.classes }
  return { options, architecture, classifier: classVectors.file }
}

/** Where training starts. Throws rather than let a fresh training overwrite another one's checkpoint. */
async function startOf(
  flags: Flags,
  out: string,
  asked: AskedSettings,
): Promise<Exclude<Start, { kind: 'weights' }> | (Extract<Start, { kind: 'weights' }> & { width: number })> {
  const init = flags.text('init')
  if (flags.on('resume')) {
    if (init !== undefined) throw wrong('--init begins a training, --resume continues one; give one of them')
    return { kind: 'resume', checkpoint: await resumable(out, asked) }
  }
  if (existsSync(checkpointPath(out))) {
    throw wrong(`${out} already holds a training: add --resume to continue it, or choose another --out`)
  }
  if (init === undefined) return { kind: 'fresh' }
  const { architecture, parameters, statistics } = await readWeights(init)
  if (asked.width !== undefined && asked.width !== architecture.width) {
    throw new UserError(
      `${init} has width ${architecture.width}, not ${asked.width}`,
      EXIT.badWeightsOrRecords,
    )
  }
  if (architecture.classes !== CLASSES) {
    throw new UserError(
      `${init} has ${architecture.classes} classes, not ${CLASSES}`,
      EXIT.badWeightsOrRecords,
    )
  }
  return { kind: 'weights', parameters, statistics, width: architecture.width }
}

function open(
  data: TrainingData,
  settings: TrainingSettings,
  vectors: ClassVectors | undefined,
  terminal: Terminal,
): Promise<TrainingSource> {
  const { size, batch, seed, classes, fit } = settings
  const options = {
    ...{ size, batch, seed, classes, augment: fit === 'crop', fit },
    classVectors: vectors,
    classDropout: settings.classVectors ? settings.classDropout : 1,
    onUndecodable: terminal.warn,
  }
  return data.kind === 'records' ? openRecords(data.train[0]!, options) : openPhotos([...data.train], options)
}

async function runToResume(): Promise<string> {
  const run = await newestRun()
  if (run === null) throw wrong(`there is no training to resume below ${RUNS}/; name its folder with --out`)
  return run
}

function newRun(): string {
  const now = new Date().toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15)
  return join(RUNS, now)
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
    pictures,
  }
}

function describe(training: Training, score: Score | null, out: string, pictures: string[]): string {
  const { checkpoint, imagesPerSecond, grayLoss, interrupted } = training
  const { step, losses } = checkpoint
  const last = losses.slice(-Math.min(20, losses.length))
  const mean = last.reduce((a, b) => a + b, 0) / Math.max(1, last.length)
  const lines = [
    `${interrupted ? 'interrupted after' : 'trained'} ${step} steps at ${imagesPerSecond.toFixed(1)} images/s`,
    `training loss ${mean.toFixed(1)} (all grey: ${grayLoss.toFixed(1)})`,
  ]
  if (score) lines.push(`held-out ab error ${score.abMse.toFixed(1)} (all grey: ${score.grayMse.toFixed(1)})`)
  lines.push(...[checkpointPath(out), ...pictures].map((file) => relative('.', file)))
  if (interrupted) lines.push(`continue with --out ${relative('.', out)} --resume`)
  return lines.join('\n')
}
