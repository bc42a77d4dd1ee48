/** What an evaluation needs: networks, classifiers and the adapter. */
import { existsSync } from 'node:fs'
import type { Precision } from '../../graph/half.ts'
import { expectHints } from '../../infer/hints.ts'
import { expectTrained } from '../../io/weights.ts'
import { type ClassVectorOrigin, sameOrigins } from '../../model/classifier.ts'
import { adapterSummary } from '../../node/dawn.ts'
import { identity } from '../../node/files.ts'
import {
  type ChosenClassifier,
  findClassifier,
  loadClassifier,
  loadFeatures,
} from '../../node/store/classifiers.ts'
import { precisionOn } from '../../node/store/tuning.ts'
import { readWeights, SHIPPED } from '../../node/weights.ts'
import { defaultWeights } from '../colouring/setup.ts'
import { type Each, mapEach } from '../each.ts'
import type { Colourist, Judges } from '../measure-photos.ts'
import { openAdapter } from './adapter.ts'
import { classifierFor } from './classifier.ts'
import { type Call, wrong } from './command.ts'
import {
  type NetworkFile,
  type NetworkFiles,
  openColourists,
  type Saturation,
} from './evaluation-colourists.ts'
import { askedPrecision } from './precision.ts'

/** Judges agreement even if --classifier names another: it comes with the package, so figures can be compared. */
const JUDGE = 'mobilenet-v1'

export interface Setup {
  readonly weights: string
  readonly against: readonly string[]
  /** Where the class vectors come from that the network is given, and those that it is given besides; null for none. */
  readonly classVectors: ClassVectorOrigin | null
  readonly otherVectors: readonly (ClassVectorOrigin | null)[]
  readonly judges: Judges
  readonly precision: Precision
  /** Whether networks saw mirror images, too. */
  readonly mirror: boolean
  readonly adapter: string
  readonly saturations: Each<number>
  readonly colourists: Each<Colourist>
}

/**
 * Opens weights, classifiers and adapter, in this order, so that a missing file is reported before the GPU is opened.
 * @param saturations the first for all pictures, the others for further ones of the result
 */
export async function withSetup<T>(
  call: Call,
  saturations: readonly Saturation[],
  work: (setup: Setup) => Promise<T>,
): Promise<T> {
  const { flags } = call
  const asked = askedPrecision(flags)
  const files = await readFiles(call)
  const judgeFile = (await findClassifier(JUDGE))!
  const featuresFile = await findClassifier(flags.text('features') ?? 'none')
  const gpu = await openAdapter(call)
  try {
    const [precision, mirror, hints] = [precisionOn(gpu, asked), flags.on('mirror'), flags.on('hints')]
    const judge = await loadClassifier(gpu, judgeFile)
    const features = featuresFile && (await loadFeatures(gpu, featuresFile))
    const colouring = { gpu, judge, precision, mirror, hints, saturations }
    const colourists = await openColourists(files, colouring)
    const { own, otherwise, opponents } = files
    return await work({
      ...{ weights: own.path, against: opponents.map(({ path }) => path) },
      ...{ classVectors: originOf(own.chosen), otherVectors: otherwise.map(originOf) },
      ...{ judges: { classifier: judge, features }, precision, mirror },
      ...{ adapter: adapterSummary(gpu).name, colourists },
      saturations: mapEach(colourists, ({ saturation }) => saturation),
    })
  } finally {
    gpu.destroy()
  }
}

const originOf = (chosen: ChosenClassifier | null) => chosen?.origin ?? null

async function readFiles(call: Call): Promise<NetworkFiles> {
  const { flags } = call
  const own = await readNetwork(flags.text('weights') ?? (await defaultWeights()), call)
  if (flags.on('hints')) expectHints(own.path, own.weights.network)
  const otherwise = await otherClassifiers(own, call)
  const shipped = (await isAnotherThanShipped(own.path)) ? await readNetwork(SHIPPED, call) : null
  const opponents: NetworkFile[] = []
  for (const path of flags.texts('against')) opponents.push(await readNetwork(path, call))
  return { own, otherwise, shipped, opponents }
}

async function readNetwork(path: string, call: Call): Promise<NetworkFile> {
  const weights = await readWeights(path)
  expectTrained(path, weights)
  return { path, weights, chosen: await classifierFor(path, weights.metadata, call) }
}

/** Those that --classifier names behind the first one. Throws a `UserError` (exit code 2) when two of them are the same. */
async function otherClassifiers({ path, weights, chosen }: NetworkFile, call: Call) {
  const all = [chosen]
  for (const choice of call.flags.texts('classifier').slice(1)) {
    const other = await classifierFor(path, weights.metadata, call, choice)
    if (all.some((one) => sameOrigins(listOf(one), listOf(other))))
      throw wrong(`--classifier ${choice} means ${other?.file.name ?? 'none'}, which is meant already`)
    all.push(other)
  }
  return all.slice(1)
}

const listOf = (chosen: ChosenClassifier | null) => (chosen ? [chosen.origin] : [])

const isAnotherThanShipped = async (path: string) =>
  existsSync(SHIPPED) && (await identity(path)) !== (await identity(SHIPPED))
