/** Networks as what an evaluation measures. */
import type { Photo } from '../../color/photo.ts'
import type { Gpu } from '../../device/gpu.ts'
import type { Precision } from '../../graph/half.ts'
import type { Classifier } from '../../infer/classifier.ts'
import { type Predictor, predictorOf } from '../../infer/predictor.ts'
import { saturationOf, type WeightFile } from '../../io/weights.ts'
import { sameOrigin } from '../../model/classifier.ts'
import { sharpResize } from '../../node/image.ts'
import { type ChosenClassifier, loadClassifier } from '../../node/store/classifiers.ts'
import type { Each } from '../each.ts'
import { BASELINES, type Colourist } from '../measure-photos.ts'

/** By how much colours are multiplied: a number, or `auto` for what each weight file says, as `colorize` does. */
export type Saturation = number | 'auto'

/** Weights and the classifier that goes with them. */
export interface NetworkFile {
  readonly path: string
  readonly weights: WeightFile
  readonly chosen: ChosenClassifier | null
}

/** All networks of an evaluation. */
export interface NetworkFiles {
  readonly own: NetworkFile
  /** Classifiers that the own weights are measured with besides. */
  readonly otherwise: readonly (ChosenClassifier | null)[]
  /** The weights that come with the package, where the own are others. */
  readonly shipped: NetworkFile | null
  readonly opponents: readonly NetworkFile[]
}

export interface Colouring {
  readonly gpu: Gpu
  /** A classifier that is open already, in float32. */
  readonly judge: Classifier
  readonly precision: Precision
  readonly mirror: boolean
  /** Whether colours are told to those that take hints. */
  readonly hints: boolean
  /** The first for all pictures, the others for further ones of the result. */
  readonly saturations: readonly Saturation[]
}

/** Puts the networks and their classifiers on the GPU. */
export async function openColourists(
  { own, otherwise, shipped, opponents }: NetworkFiles,
  { gpu, judge, precision, mirror, hints, saturations }: Colouring,
): Promise<Each<Colourist>> {
  const vectorsOf = classVectorsOf(gpu, judge, precision)
  const open = ({ weights }: NetworkFile) =>
    predictorOf(gpu, weights, { resize: sharpResize, precision, mirror })
  const colourist = async (file: NetworkFile, predictor = open(file)): Promise<Colourist> => {
    const vectors = file.chosen && (await vectorsOf(file.chosen))
    const vectorOf = async (photo: Photo) => vectors?.(photo)
    return {
      ...{ saturation: saturationIn(file, saturations[0]!), judged: true },
      colours: async (photo) => predictor.predict(photo, await vectorOf(photo)),
      ...(hints && file.weights.network.takesHints ? { study: studyBy(predictor, vectorOf, mirror) } : {}),
    }
  }
  const predictor = open(own)
  const result = remembering(await colourist(own, predictor))
  const others = new Set(saturations.map((one) => saturationIn(own, one)))
  others.delete(result.saturation)
  return {
    ...{ ...BASELINES, result },
    saturated: [...others].map((saturation) => ({ saturation, judged: true, colours: result.colours })),
    classified: await inTurn(otherwise, (chosen) => colourist({ ...own, chosen }, predictor)),
    ...(shipped ? { shipped: await colourist(shipped) } : {}),
    against: await inTurn(opponents, (file) => colourist(file)),
  }
}

const saturationIn = ({ weights }: NetworkFile, saturation: Saturation) =>
  saturation === 'auto' ? saturationOf(weights) : saturation

async function inTurn<T, U>(values: readonly T[], work: (value: T) => Promise<U>): Promise<U[]> {
  const done: U[] = []
  for (const value of values) done.push(await work(value))
  return done
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
