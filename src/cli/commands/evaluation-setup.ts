/** What an evaluation needs: networks, classifiers and the adapter. */
import { existsSync } from 'node:fs'
import type { Photo } from '../../color/photo.ts'
import type { Gpu } from '../../device/gpu.ts'
import type { Precision } from '../../graph/half.ts'
import type { Classifier } from '../../infer/classifier.ts'
import { expectHints } from '../../infer/hints.ts'
import { type Predictor, predictorOf } from '../../infer/predictor.ts'
import { expectTrained } from '../../io/weights.ts'
import { type ClassVectorOrigin, sameOrigin } from '../../model/classifier.ts'
import { adapterSummary } from '../../node/dawn.ts'
import { identity } from '../../node/files.ts'
import { sharpResize } from '../../node/image.ts'
import {
  type ChosenClassifier,
  findClassifier,
  loadClassifier,
  loadFeatures,
} from '../../node/store/classifiers.ts'
import { precisionOn } from '../../node/store/tuning.ts'
import { readWeights, SHIPPED } from '../../node/weights.ts'
import { defaultWeights } from '../colouring/setup.ts'
import { BASELINES, type Colourist, type Each, type Judges } from '../measure-photos.ts'
import { openAdapter } from './adapter.ts'
import { classifierFor } from './classifier.ts'
import type { Call } from './command.ts'
import { askedPrecision } from './precision.ts'

/** Judges agreement even if --classifier names another: it comes with the package, so figures can be compared. */
const JUDGE = 'mobilenet-v1'

export interface Setup {
  readonly weights: string
  readonly against: readonly string[]
  /** Where the class vectors come from that the network is given. */
  readonly classVectors: ClassVectorOrigin | null
  readonly judges: Judges
  /** That of all pictures, and those of further ones of the result. */
  readonly saturations: readonly number[]
  readonly precision: Precision
  /** Whether networks saw mirror images, too. */
  readonly mirror: boolean
  readonly adapter: string
  readonly colourists: Each<Colourist>
}

/** Opens weights, classifiers and adapter, in this order, so that a missing file is reported before the GPU is opened. */
export async function withSetup<T>(
  call: Call,
  saturations: readonly [number, ...number[]],
  work: (setup: Setup) => Promise<T>,
): Promise<T> {
  const { flags } = call
  const asked = askedPrecision(flags)
  const own = await readNetwork(flags.text('weights') ?? (await defaultWeights()), call)
  if (flags.on('hints')) expectHints(own.path, own.weights.network)
  const shipped = (await isAnotherThanShipped(own.path)) ? await readNetwork(SHIPPED, call) : null
  const opponents: NetworkFile[] = []
  for (const path of flags.texts('against')) opponents.push(await readNetwork(path, call))
  const judgeFile = (await findClassifier(JUDGE))!
  const featuresFile = await findClassifier(flags.text('features') ?? 'none')
  const gpu = await openAdapter(call)
  try {
    const precision = precisionOn(gpu, asked)
    const mirror = flags.on('mirror')
    const classifier = await loadClassifier(gpu, judgeFile)
    const features = featuresFile && (await loadFeatures(gpu, featuresFile))
    const vectorsOf = classVectorsOf(gpu, classifier, precision)
    const [saturation, ...others] = saturations
    const colourist = async ({ weights, chosen }: NetworkFile): Promise<Colourist> => {
      const predictor = predictorOf(gpu, weights, { resize: sharpResize, precision, mirror })
      const vectors = chosen && (await vectorsOf(chosen))
      const vectorOf = async (photo: Photo) => vectors?.(photo)
      const colours = async (photo: Photo) => predictor.predict(photo, await vectorOf(photo))
      const study = studyBy(predictor, vectorOf, mirror)
      const isTold = flags.on('hints') && weights.network.takesHints
      return { saturation, judged: true, colours, ...(isTold ? { study } : {}) }
    }
    const result = remembering(await colourist(own))
    const against: Colourist[] = []
    for (const file of opponents) against.push(await colourist(file))
    return await work({
      ...{ weights: own.path, against: opponents.map(({ path }) => path) },
      ...{ classVectors: own.chosen?.origin ?? null },
      ...{ judges: { classifier, features }, saturations },
      ...{ precision, mirror, adapter: adapterSummary(gpu).name },
      colourists: {
        ...{ ...BASELINES, result, against },
        saturated: others.map((saturation) => ({ saturation, judged: true, colours: result.colours })),
        ...(shipped ? { shipped: await colourist(shipped) } : {}),
      },
    })
  } finally {
    gpu.destroy()
  }
}

/** Looks at a photograph once for all colours that are told, but where mirror images are shown, of which studies know nothing. */
function studyBy(
  predictor: Predictor,
  vectorOf: (photo: Photo) => Promise<Float32Array | undefined>,
  mirror: boolean,
): NonNullable<Colourist['study']> {
  return async (photo, work) => {
    const vector = await vectorOf(photo)
    if (mirror) return work((told) => predictor.predict(photo, vector, told))
    const studied = await predictor.study(photo, vector)
    return work((told) => studied.colours(told)).finally(() => studied.destroy())
  }
}

/** Looks at each photograph once. */
function remembering({ colours, ...colourist }: Colourist): Colourist {
  const known = new WeakMap<Photo, ReturnType<Colourist['colours']>>()
  const remembered = (photo: Photo) => {
    const seen = known.get(photo) ?? colours(photo)
    known.set(photo, seen)
    return seen
  }
  return { ...colourist, colours: remembered }
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
