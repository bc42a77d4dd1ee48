/** What a golden file says, held against what was computed here. */
import { UserError } from '../errors.ts'
import type { NamedTensor } from '../model/arena.ts'

export type Tensors = ReadonlyMap<string, NamedTensor>

/** What a golden file holds. */
export interface GoldenFile {
  readonly name: string
  readonly tensors: Tensors
  /** Says which network it is; without it the report's. */
  readonly metadata?: Readonly<Record<string, string>>
}

/** Keys of a file that begin alike, and a relative error that is allowed even if PyTorch's own float32 is more exact. */
export interface Group {
  readonly prefix: string
  readonly floor: number
}

export interface WorstKey {
  readonly key: string
  /** ‖ours − golden‖ / ‖golden‖ */
  readonly error: number
  /** error / allowance; at most 1 to pass. */
  readonly share: number
}

export interface GoldenReport {
  readonly file: string
  /** Per group the key that used most of its allowance. */
  readonly worst: Readonly<Record<string, WorstKey>>
  readonly passed: boolean
}

/** PyTorch's float32 arithmetic loses `noise/KEY`; ours may lose this many times as much. */
const NOISE_FACTOR = 10

/**
 * Compares every key of the groups. Of a tensor with a key `norm/KEY` the file may have every few elements only.
 * @throws UserError about weights when the file lacks something that was computed
 */
export function compareWith(
  { name, tensors }: GoldenFile,
  ours: ReadonlyMap<string, Float32Array>,
  groups: Readonly<Record<string, Group>>,
): GoldenReport {
  for (const key of ours.keys()) required(name, tensors, key)
  const worst = Object.fromEntries(
    Object.entries(groups).map(([group, of]) => [group, worstKey(tensors, ours, of)]),
  )
  return { file: name, worst, passed: Object.values(worst).every(({ share }) => share <= 1) }
}

function worstKey(golden: Tensors, ours: ReadonlyMap<string, Float32Array>, { prefix, floor }: Group) {
  return [...golden.keys()]
    .filter((key) => key.startsWith(prefix))
    .map((key): WorstKey => {
      const noise = golden.get(`noise/${key}`)?.data[0] ?? 0
      const mine = ours.get(key)
      const error = mine ? errorOf(mine, golden, key) : Number.POSITIVE_INFINITY
      return { key, error, share: error / Math.max(floor, NOISE_FACTOR * noise) }
    })
    .reduce((a, b) => (b.share > a.share || Number.isNaN(b.share) ? b : a))
}

function errorOf(ours: Float32Array, golden: Tensors, key: string): number {
  const { data } = golden.get(key)!
  const whole = golden.get(`norm/${key}`)?.data[0]
  if (whole === undefined) return relativeError(ours, data)
  const step = Math.ceil(ours.length / data.length)
  const sampled = ours.filter((_, i) => i % step === 0)
  return Math.max(relativeError(sampled, data), Math.abs(norm(ours) / whole - 1))
}

/** A difference from an all-zero golden counts as it is. */
function relativeError(ours: Float32Array, golden: Float32Array): number {
  if (ours.length !== golden.length) return Number.POSITIVE_INFINITY
  const difference = norm(ours.map((value, i) => value - golden[i]!))
  const size = norm(golden)
  return size > 0 ? difference / size : difference
}

const norm = (data: Float32Array) => Math.sqrt(data.reduce((sum, value) => sum + value ** 2, 0))

/** A tensor of the file. Throws a UserError about weights where it is not there, or of another shape. */
export function required(
  file: string,
  tensors: Tensors,
  key: string,
  shape?: readonly number[],
): NamedTensor {
  const tensor = tensors.get(key)
  if (tensor && (!shape || tensor.shape.join() === shape.join())) return tensor
  const what = tensor ? `its ${key} is [${tensor.shape}], not [${shape}]` : `it has no ${key}`
  throw new UserError(`${file} is not a golden file: ${what}`, 'weights')
}
