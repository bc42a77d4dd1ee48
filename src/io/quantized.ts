/**
 * Weights in 8 bits: whole numbers from −127 to 127. Beside the tensor NAME is `NAME.scale` in float32, by which the numbers of
 * each output channel are multiplied. Output channels come first in files. Of weights that a training began with,
 * `NAME.change` has what was added to them: it is smaller, so its steps are finer.
 */
import { UserError } from '../errors.ts'
import type { NamedTensor } from '../model/arena.ts'
import type { Dtype, StoredTensor } from './safetensors.ts'

const LARGEST = 127
const scaleOf = (name: string) => `${name}.scale`
const changeOf = (name: string) => `${name}.change`

type Tensors = ReadonlyMap<string, NamedTensor>

/** A tensor as it is to be written; one without a type was left as it is. */
export interface WrittenTensor extends NamedTensor {
  readonly dtype?: Dtype
}

/**
 * All tensors, the weights of convolutions rounded to 8 bits: in each output channel by its largest value.
 * @param known those that a training began with, and whoever reads the file has
 */
export function quantized(tensors: Tensors, known: Tensors): Map<string, WrittenTensor> {
  const written = new Map<string, WrittenTensor>()
  for (const [name, tensor] of tensors) {
    const { shape, data } = tensor
    if (shape.length < 2) {
      written.set(name, tensor)
      continue
    }
    const first = known.get(name)?.data
    const key = first ? changeOf(name) : name
    const { whole, scale } = rounded(shape, first ? data.map((value, i) => value - first[i]!) : data)
    written.set(key, { dtype: 'I8', shape, data: whole })
    written.set(scaleOf(key), { dtype: 'F32', shape: [scale.length], data: scale })
  }
  return written
}

function rounded(shape: readonly number[], data: Float32Array) {
  const scale = new Float32Array(shape[0]!)
  const whole = new Float32Array(data.length)
  const length = data.length / scale.length
  for (let k = 0; k < scale.length; k++) {
    const channel = data.subarray(k * length, (k + 1) * length)
    const largest = channel.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
    scale[k] = largest / LARGEST || 1 // a channel of zeros
    for (let i = 0; i < length; i++) whole[k * length + i] = Math.round(channel[i]! / scale[k]!)
  }
  return { whole, scale }
}

/**
 * The tensors of a file with those in 8 bits as the numbers that they stand for, and without their scales.
 * @throws UserError about weights naming file and tensor when a scale is missing, misshapen or no finite number above 0
 */
export function dequantized(
  path: string,
  tensors: ReadonlyMap<string, StoredTensor>,
): Map<string, NamedTensor> {
  const numbers = new Map<string, NamedTensor>(tensors)
  for (const [name, { dtype, shape, data }] of tensors) {
    if (dtype !== 'I8') continue
    const scale = expectScale(path, name, shape, tensors.get(scaleOf(name)))
    const length = data.length / scale.length
    numbers.set(name, { shape, data: data.map((value, i) => value * scale[Math.floor(i / length)]!) })
    numbers.delete(scaleOf(name))
  }
  return numbers
}

/** The tensors with what was added to known ones as their sums. */
export function withChanges(tensors: Tensors, known: Tensors): Map<string, NamedTensor> {
  const whole = new Map(tensors)
  for (const [name, { data }] of known) {
    const change = tensors.get(changeOf(name))
    if (!change) continue
    whole.set(name, { ...change, data: change.data.map((value, i) => value + data[i]!) })
    whole.delete(changeOf(name))
  }
  return whole
}

function expectScale(path: string, name: string, shape: readonly number[], scale?: NamedTensor) {
  const wrong = (what: string) =>
    new UserError(
      `${path} does not hold usable weights: the tensor ${name} has 8 bits, but ${what}`,
      'weights',
    )
  if (!scale) throw wrong(`its scales, ${scaleOf(name)}, are missing`)
  const channels = shape[0] ?? 0
  if (scale.shape.join() !== String(channels))
    throw wrong(`${scaleOf(name)} is [${scale.shape}], expected [${channels}]`)
  if (!scale.data.every((value) => value > 0 && value < Number.POSITIVE_INFINITY))
    throw wrong(`${scaleOf(name)} has values that are not finite numbers above 0`)
  return scale.data
}
