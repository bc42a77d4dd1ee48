import type { Arena as TensorArena } from '../autograd/arena.ts'
import { ARENA_ALIGNMENT_ELEMS } from '../kernels/movement/view.ts'
import type { Spec } from '../kernels/op.ts'
import { product } from '../numbers.ts'

/**
 * Parameters and statistics lie in one flat array each, so that Adam and the running statistics are one dispatch and
 * a checkpoint is a few reads. On the GPU a convolution weight is [R,S,C,K]; files hold it as [K,C,R,S], as PyTorch
 * and ONNX do.
 */
export interface WeightSpec extends Spec {
  readonly name: string
  /** Shape in files. */
  readonly fileShape: readonly number[]
}

export type Arena = TensorArena<WeightSpec>

export interface Layout {
  /** Trained: convolution weights and biases, gamma and beta. */
  readonly parameters: Arena
  /** Running mean and var of the batch norms. */
  readonly statistics: Arena
}

/** How many elements of each block of `ARENA_ALIGNMENT_ELEMS` belong to a tensor: the rest lies between two. */
export function usedInBlocks({ tensors, length }: Arena): Float32Array {
  const used = new Float32Array(length / ARENA_ALIGNMENT_ELEMS).fill(ARENA_ALIGNMENT_ELEMS)
  for (const { shape, offset } of tensors) {
    const end = offset + product(shape)
    if (end % ARENA_ALIGNMENT_ELEMS)
      used[Math.floor(end / ARENA_ALIGNMENT_ELEMS)] = end % ARENA_ALIGNMENT_ELEMS
  }
  return used
}

export const weight = (name: string, shape: readonly number[], fileShape = shape): WeightSpec => ({
  name,
  shape,
  fileShape,
})

export interface NamedTensor {
  readonly shape: readonly number[]
  readonly data: Float32Array
}

/** The arena's tensors by name, in the layout of files. */
export function unpackArena(arena: Arena, flat: Float32Array): Map<string, NamedTensor> {
  return new Map(
    arena.tensors.map((tensor) => {
      const size = product(tensor.shape)
      const data = flat.slice(tensor.offset, tensor.offset + size)
      return [
        tensor.name,
        { shape: tensor.fileShape, data: isConvWeight(tensor) ? toFile(tensor, data) : data },
      ]
    }),
  )
}

/** The inverse of `unpackArena`. Names and shapes must have been checked. */
export function packArena(arena: Arena, tensors: ReadonlyMap<string, NamedTensor>): Float32Array {
  const flat = new Float32Array(arena.length)
  for (const tensor of arena.tensors) {
    const { data } = tensors.get(tensor.name)!
    flat.set(isConvWeight(tensor) ? fromFile(tensor, data) : data, tensor.offset)
  }
  return flat
}

const isConvWeight = (tensor: WeightSpec) => tensor.shape.length === 4

/** [R,S,C,K] → [K,C,R,S]: the kernel's pixels, flattened, swap places with channels, and K goes first. */
function toFile({ shape }: WeightSpec, data: Float32Array): Float32Array {
  const [taps, C, K] = [shape[0]! * shape[1]!, shape[2]!, shape[3]!]
  const result = new Float32Array(data.length)
  for (let t = 0; t < taps; t++) {
    for (let c = 0; c < C; c++)
      for (let k = 0; k < K; k++) result[(k * C + c) * taps + t] = data[(t * C + c) * K + k]!
  }
  return result
}

function fromFile({ shape }: WeightSpec, data: Float32Array): Float32Array {
  const [taps, C, K] = [shape[0]! * shape[1]!, shape[2]!, shape[3]!]
  const result = new Float32Array(data.length)
  for (let t = 0; t < taps; t++) {
    for (let c = 0; c < C; c++)
      for (let k = 0; k < K; k++) result[(t * C + c) * K + k] = data[(k * C + c) * taps + t]!
  }
  return result
}

/** Running statistics before any step: mean 0, var 1. */
export function initialStatistics(arena: Arena): Float32Array {
  const flat = new Float32Array(arena.length)
  for (const { name, shape, offset } of arena.tensors) {
    if (name.endsWith('.var')) flat.fill(1, offset, offset + shape[0]!)
  }
  return flat
}
