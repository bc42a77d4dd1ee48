import { existsSync } from 'node:fs'
import { dirname, extname } from 'node:path'
import { identity } from '../colorize.ts'
import { EXIT, UserError } from '../errors.ts'
import { BASELINES, type Colourist, type Each, type Evaluated, evaluate, type Failure } from '../evaluate.ts'
import { evaluationJson, evaluationText, reportSheet } from '../evaluation.ts'
import type { Precision } from '../graph/half.ts'
import { type Classifier, findClassifier, openClassifier } from '../io/classify.ts'
import { adapterSummary } from '../io/dawn.ts'
import type { Photo } from '../io/image.ts'
import { findEach, type PhotoPath } from '../io/photos.ts'
import { makeFolder, saveFile } from '../io/save.ts'
import { expectTrained, readWeights } from '../io/weights.ts'
import type { Gpu } from '../kernels/gpu.ts'
import { type ClassVectorOrigin, sameOrigin } from '../model/classifier.ts'
import { predictorOf } from '../predict.ts'
import type { Terminal } from '../terminal.ts'
import { openAdapter } from './adapter.ts'
import { type ChosenClassifier, CLASSIFIER_OPTIONS, classifierFor } from './classifier.ts'
import { defaultWeights, SHIPPED } from './colorize.ts'
import { type Call, type Command, exitCode, type Result, wrong } from './command.ts'
import { expectPrecision, PRECISION_OPTION, precisionOf } from './precision.ts'

/** Judges agreement whatever --classifier says: it comes with the package, so that figures can be compared. */
const JUDGE = 'mobilenet-v1'

export const evaluateCommand: Command = {
  summary: 'measures how well photographs are coloured, by their own colours',
  positionals: 'PHOTOS…',
  options: {
    weights: {
      value: 'FILE',
      help: 'weights or a checkpoint (default: the shipped ones, else the best of the newest training below runs/)',
    },
    ...CLASSIFIER_OPTIONS,
    ...PRECISION_OPTION,
    saturation: {
      value: 'F',
      help: 'multiplies a* and b* of the coloured pictures, but not in the ab error (default 1)',
    },
    report: {
      value: 'FILE.png',
      help: 'also writes a contact sheet of the best, the median and the worst pictures',
    },
  },
  examples: [
    'colorizer evaluate holiday/',
    'colorizer evaluate "val/*.webp" --weights runs/mine/checkpoint.safetensors --report report.png',
    'colorizer evaluate val/ --classifier none --json',
  ],

  async run(call) {
    const { flags, positionals, terminal } = call
    if (positionals.length === 0)
      throw wrong('evaluate needs at least one photograph: a file, a folder or a glob')
    const saturation = flags.number('saturation') ?? 1
    const { photos, failures } = await findEach(positionals)
    for (const { error } of failures) terminal.warn(error)
    if (photos.length === 0) throw nothingReadable(failures)
    await checkReport(flags.text('report'), photos)
    return withSetup(call, saturation, (setup) => evaluateAll(call, photos, failures, setup))
  },
}

const nothingReadable = ({ length }: readonly Failure[]) =>
  new UserError(
    `nothing could be evaluated: ${length === 1 ? 'the only input' : `all ${length} inputs`} failed`,
  )

async function checkReport(report: string | undefined, photos: readonly PhotoPath[]): Promise<void> {
  if (report === undefined) return
  if (extname(report).toLowerCase() !== '.png') throw wrong(`--report ${report}: its name must end in .png`)
  await makeFolder(dirname(report)) // told now, not after all the work
  const existing = await identity(report)
  if (existing === null) return
  for (const { path } of photos) {
    if ((await identity(path)) === existing) throw wrong(`--report ${report} would overwrite that photograph`)
  }
}

interface Setup {
  readonly weights: string
  /** Where the class vectors come from that the network is given. */
  readonly classVectors: ClassVectorOrigin | null
  readonly judge: Classifier
  readonly saturation: number
  readonly precision: Precision
  readonly adapter: string
  readonly colourists: Each<Colourist>
}

/** Opens weights, classifiers and adapter, in this order: what is missing is told without waking the GPU. */
async function withSetup<T>(call: Call, saturation: number, work: (setup: Setup) => Promise<T>): Promise<T> {
  const { flags } = call
  const precision = precisionOf(flags)
  const own = await readNetwork(flags.text('weights') ?? (await defaultWeights()), call)
  const shipped = (await isAnotherThanShipped(own.path)) ? await readNetwork(SHIPPED, call) : null
  const judgeFile = (await findClassifier(JUDGE))!
  const gpu = await openAdapter(call)
  try {
    expectPrecision(gpu, precision)
    const judge = await openClassifier(gpu, judgeFile)
    const chosen = await openChosen(gpu, own.chosen ?? shipped?.chosen ?? null, judge, precision)
    const classVector = classVectorsBy(chosen)
    const colourist = ({ weights, chosen }: NetworkFile, judged: boolean): Colourist => {
      const predictor = predictorOf(gpu, weights, precision)
      const colours = async (photo: Photo) =>
        predictor.predict(photo, chosen ? await classVector(photo) : undefined)
      return { saturation, judged, colours }
    }
    return await work({
      ...{ weights: own.path, classVectors: own.chosen?.origin ?? null },
      ...{ judge, saturation, precision, adapter: adapterSummary(gpu).name },
      colourists: {
        result: colourist(own, true),
        ...BASELINES,
        ...(shipped ? { shipped: colourist(shipped, false) } : {}),
      },
    })
  } finally {
    gpu.destroy()
  }
}

/** Weights and the classifier that goes with them. */
interface NetworkFile {
  readonly path: string
  readonly weights: Awaited<ReturnType<typeof readWeights>>
  readonly chosen: ChosenClassifier | null
}

async function readNetwork(path: string, call: Call): Promise<NetworkFile> {
  const weights = await readWeights(path)
  expectTrained(path, weights)
  return { path, weights, chosen: await classifierFor(path, weights.metadata, call) }
}

const isAnotherThanShipped = async (path: string) =>
  existsSync(SHIPPED) && (await identity(path)) !== (await identity(SHIPPED))

/** The judge itself where it is the chosen one; it computes in float32, so that figures can be compared. */
async function openChosen(
  gpu: Gpu,
  chosen: ChosenClassifier | null,
  judge: Classifier,
  precision: Precision,
) {
  if (!chosen) return null
  if (precision === 'f32' && sameOrigin(chosen.origin, judge.origin)) return judge
  return openClassifier(gpu, chosen.file, { fit: chosen.origin.fit, precision })
}

/** Class vectors by this classifier, if there is one; of each photograph it is asked once, whoever wants to know. */
function classVectorsBy(classifier: Classifier | null) {
  const known = new WeakMap<Photo, Promise<Float32Array[]>>()
  return async (photo: Photo): Promise<Float32Array | undefined> => {
    if (!classifier) return undefined
    const vectors = known.get(photo) ?? classifier.classify([photo])
    known.set(photo, vectors)
    return (await vectors)[0]
  }
}

async function evaluateAll(
  { flags, terminal, interrupted }: Call,
  photos: readonly PhotoPath[],
  missing: readonly Failure[],
  { colourists, judge, ...setup }: Setup,
): Promise<Result> {
  const { evaluated, failures } = await evaluate(photos, colourists, judge, terminal, interrupted)
  const failed = [...missing, ...failures]
  if (evaluated.length === 0) {
    if (interrupted.aborted) throw new UserError('interrupted before a picture was done', EXIT.interrupted)
    throw nothingReadable(failed)
  }
  const wanted = interrupted.aborted ? undefined : flags.text('report')
  const report =
    wanted === undefined ? null : await drawReport(wanted, evaluated, colourists.result, terminal)
  const left = photos.length - evaluated.length - failures.length
  const evaluation = { ...setup, evaluated, failures: failed, judge: judge.name, report, left }
  const lost = wanted !== undefined && report === null ? 1 : 0
  return {
    json: evaluationJson(evaluation),
    text: evaluationText(evaluation),
    code: exitCode(interrupted.aborted, failed.length + lost),
  }
}

/** The figures are worth having even where the report cannot be written: that is warned of, and null is the result. */
async function drawReport(
  file: string,
  evaluated: readonly Evaluated[],
  colourist: Colourist,
  terminal: Terminal,
): Promise<string | null> {
  terminal.progress(`drawing ${file}`)
  try {
    await saveFile(file, await reportSheet(evaluated, colourist))
    return file
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    terminal.warn(error.message)
    return null
  }
}
