import { existsSync } from 'node:fs'
import type { Photo } from '../../color/photo.ts'
import type { Gpu } from '../../device/gpu.ts'
import { UserError } from '../../errors.ts'
import type { Precision } from '../../graph/half.ts'
import type { Classifier } from '../../infer/classifier.ts'
import { predictorOf } from '../../infer/predictor.ts'
import { expectTrained } from '../../io/weights.ts'
import { type ClassVectorOrigin, sameOrigin } from '../../model/classifier.ts'
import { adapterSummary } from '../../node/dawn.ts'
import { sharpResize } from '../../node/image.ts'
import { findEach, type PhotoPath } from '../../node/photos.ts'
import { saveFile } from '../../node/save.ts'
import { sheetFormat } from '../../node/sheet.ts'
import { type ChosenClassifier, findClassifier, loadClassifier } from '../../node/store/classifiers.ts'
import { precisionOn } from '../../node/store/tuning.ts'
import { readWeights, SHIPPED } from '../../node/weights.ts'
import { advised } from '../advice.ts'
import { identity } from '../colorize-files.ts'
import { evaluationJson, evaluationText, reportSheet } from '../evaluation-report.ts'
import { BASELINES, type Colourist, type Each, evaluate, type Failure } from '../measure-photos.ts'
import type { Terminal } from '../terminal.ts'
import { openAdapter } from './adapter.ts'
import { CLASSIFIER_OPTIONS, classifierFor } from './classifier.ts'
import { defaultWeights } from './colorize.ts'
import { type Call, type Command, exitCode, type Result, wrong } from './command.ts'
import { checkPicture } from './picture.ts'
import { askedPrecision, PRECISION_OPTIONS } from './precision.ts'

/** Judges agreement even if --classifier names another: it comes with the package, so figures can be compared. */
const JUDGE = 'mobilenet-v1'

export const evaluateCommand: Command = {
  summary: 'measures how well photographs are coloured, by their own colours',
  positionals: 'PHOTOS…',
  options: {
    weights: {
      value: 'FILE',
      help: 'weights or a checkpoint (default: the shipped ones, else the best of the newest training below runs/)',
    },
    against: {
      value: 'FILE',
      many: true,
      help: 'other weights to hold them against, in figures and on the sheet of --report; may be given more than once',
    },
    ...CLASSIFIER_OPTIONS,
    ...PRECISION_OPTIONS,
    saturation: {
      value: 'F',
      help: 'multiplies a* and b* of the coloured pictures, but not in the ab error (default 1)',
    },
    report: {
      value: 'FILE',
      help: 'also writes a contact sheet (.png or .webp) of the best, the median and the worst pictures',
    },
  },
  examples: [
    'colorizer evaluate holiday/',
    'colorizer evaluate "val/*.webp" --weights runs/mine/checkpoint.safetensors --report report.png',
    'colorizer evaluate val/ --classifier none --json',
    'colorizer evaluate val/ --weights runs/a/best.safetensors --against runs/b/best.safetensors --report sheet.png',
  ],

  async run(call) {
    const { flags, positionals, terminal } = call
    if (positionals.length === 0)
      throw wrong('evaluate needs at least one photograph: a file, a folder or a glob')
    const saturation = flags.number('saturation') ?? 1
    const { photos, failures } = await findEach(positionals)
    for (const { error } of failures) terminal.warn(error)
    if (photos.length === 0) throw nothingReadable(failures)
    const report = flags.text('report')
    if (report !== undefined) await checkPicture('report', report, photos)
    return withSetup(call, saturation, (setup) => evaluateAll(call, photos, failures, setup))
  },
}

const nothingReadable = ({ length }: readonly Failure[]) =>
  new UserError(
    `nothing could be evaluated: ${length === 1 ? 'the only input' : `all ${length} inputs`} failed`,
  )

interface Setup {
  readonly weights: string
  readonly against: readonly string[]
  /** Where the class vectors come from that the network is given. */
  readonly classVectors: ClassVectorOrigin | null
  readonly judge: Classifier
  readonly saturation: number
  readonly precision: Precision
  readonly adapter: string
  readonly colourists: Each<Colourist>
}

/** Opens weights, classifiers and adapter, in this order, so that a missing file is reported before the GPU is opened. */
async function withSetup<T>(call: Call, saturation: number, work: (setup: Setup) => Promise<T>): Promise<T> {
  const { flags } = call
  const asked = askedPrecision(flags)
  const own = await readNetwork(flags.text('weights') ?? (await defaultWeights()), call)
  const shipped = (await isAnotherThanShipped(own.path)) ? await readNetwork(SHIPPED, call) : null
  const others: NetworkFile[] = []
  for (const path of flags.texts('against')) others.push(await readNetwork(path, call))
  const judgeFile = (await findClassifier(JUDGE))!
  const gpu = await openAdapter(call)
  try {
    const precision = precisionOn(gpu, asked)
    const judge = await loadClassifier(gpu, judgeFile)
    const vectorsOf = classVectorsOf(gpu, judge, precision)
    const colourist = async ({ weights, chosen }: NetworkFile, judged = false): Promise<Colourist> => {
      const predictor = predictorOf(gpu, weights, { resize: sharpResize, precision })
      const vectors = chosen && (await vectorsOf(chosen))
      const colours = async (photo: Photo) => predictor.predict(photo, await vectors?.(photo))
      return { saturation, judged, colours }
    }
    const against: Colourist[] = []
    for (const other of others) against.push(await colourist(other))
    return await work({
      ...{ weights: own.path, against: others.map(({ path }) => path) },
      ...{ classVectors: own.chosen?.origin ?? null },
      ...{ judge, saturation, precision, adapter: adapterSummary(gpu).name },
      colourists: {
        ...{ ...BASELINES, result: await colourist(own, true), against },
        ...(shipped ? { shipped: await colourist(shipped) } : {}),
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

/** Opens each classifier that is chosen once. The judge is there already; it computes in float32, so that figures can be compared. */
function classVectorsOf(gpu: Gpu, judge: Classifier, precision: Precision) {
  const opened = precision === 'f32' ? [{ origin: judge.origin, vectors: classVectorsBy(judge) }] : []
  return async ({ file, origin }: ChosenClassifier) => {
    const known = opened.find((one) => sameOrigin(one.origin, origin))
    if (known) return known.vectors
    const vectors = classVectorsBy(await loadClassifier(gpu, file, { fit: origin.fit, precision }))
    opened.push({ origin, vectors })
    return vectors
  }
}

/** Class vectors by this classifier. It sees each photograph once, even if several networks ask for its vector. */
function classVectorsBy(classifier: Classifier) {
  const known = new WeakMap<Photo, Promise<Float32Array[]>>()
  return async (photo: Photo): Promise<Float32Array> => {
    const vectors = known.get(photo) ?? classifier.classify([photo])
    known.set(photo, vectors)
    return (await vectors)[0]!
  }
}

async function evaluateAll(
  call: Call,
  photos: readonly PhotoPath[],
  missing: readonly Failure[],
  { colourists, judge, ...setup }: Setup,
): Promise<Result> {
  const { flags, terminal, interrupted } = call
  const { evaluated, failures } = await evaluate(photos, colourists, judge, call)
  const failed = [...missing, ...failures]
  if (evaluated.length === 0) {
    if (interrupted.aborted) throw new UserError('interrupted before a picture was done', 'interrupted')
    throw nothingReadable(failed)
  }
  const files = [setup.weights, ...setup.against]
  const wanted = interrupted.aborted ? undefined : flags.text('report')
  const report =
    wanted === undefined
      ? null
      : await drawReport(
          wanted,
          () => reportSheet(evaluated, colourists, files, sheetFormat(wanted)),
          terminal,
        )
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
  draw: () => Promise<Buffer>,
  terminal: Terminal,
): Promise<string | null> {
  terminal.progress(`drawing ${file}`)
  try {
    await saveFile(file, await draw())
    return file
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    terminal.warn(advised(error))
    return null
  }
}
