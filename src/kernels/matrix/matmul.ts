import type { Traits } from '../../device/traits.ts'
import { conv2dDefaults, convolutions } from '../conv/conv2d.ts'
import { broadcastShapes, mergeAxes, repeatedStrides, sumTo, walkParams } from '../movement/strided.ts'
import { ceilDiv, type Dispatch, elems, grid, input, type Op, output, ShapeError, type Spec } from '../op.ts'

/**
 * y = a × b + bias: a [..,M,K], b [..,K,N], optional bias [N] → y [..,M,N]; the axes before the last two broadcast as numpy's.
 */
export const matmul: Op<object> = {
  name: 'matmul',
  half: [0, 1],

  infer(inputs) {
    if (inputs.length < 2 || inputs.length > 3) {
      throw new ShapeError('matmul', 'needs two matrices and maybe a bias', inputs)
    }
    const [a, b, bias] = inputs.map(({ shape }) => shape) as [number[], number[], number[] | undefined]
    if (a.length < 2 || b.length < 2) throw new ShapeError('matmul', 'both must have at least 2 axes', inputs)
    const [K, N] = b.slice(-2) as [number, number]
    if (a.at(-1) !== K) throw new ShapeError('matmul', `${a.at(-1)} columns meet ${K} rows`, inputs)
    if (bias && (bias.length !== 1 || bias[0] !== N)) {
      throw new ShapeError('matmul', `the bias must be [${N}]`, inputs)
    }
    const batch = broadcastShapes('matmul', a.slice(0, -2), b.slice(0, -2), inputs)
    batchWalk(inputs, batch)
    return [{ shape: [...batch, a.at(-2)!, N] }]
  },

  kernels(inputs, [y], _attrs, traits) {
    const bindings = [input(0), input(1), input(inputs.length === 3 ? 2 : 1), output(0)]
    const HAS_BIAS = Number(inputs.length === 3)
    const [K, N] = inputs[1]!.shape.slice(-2) as [number, number]
    if (elems(inputs[1]!) !== K * N) return [batched(inputs, y!, bindings, HAS_BIAS)]
    // one right matrix for all rows of all batches
    const rows = elems(y!) / N
    if (N % 4 === 0) return asConvolution({ rows, K, N }, inputs.length, traits)
    return [batched([{ shape: [rows, K] }, { shape: [K, N] }], { shape: [rows, N] }, bindings, HAS_BIAS)]
  },

  // da = dy × bᵀ, db = aᵀ × dy
  grad(builder) {
    const [a, b, bias] = builder.inputs
    const dy = builder.outputGrads[0]!
    const turned = (x: typeof dy) => {
      const last = builder.shape(x).length - 1
      const perm = builder
        .shape(x)
        .map((_, axis) => (axis === last ? last - 1 : axis === last - 1 ? last : axis))
      return builder.op('transpose', [x], { perm })
    }
    const product = (p: typeof dy, q: typeof dy, like: typeof dy) =>
      sumTo(builder, builder.op('matmul', [p, q], {}), builder.shape(like))
    return [
      builder.needs(0) ? product(dy, turned(b!), a!) : null,
      builder.needs(1) ? product(turned(a!), dy, b!) : null,
      bias !== undefined && builder.needs(2) ? builder.op('sumRows', [dy], { keepBatch: false }) : null,
    ]
  },

  reference([a, b, bias], specs) {
    const [p, q] = [specs[0]!.shape, specs[1]!.shape]
    const [M, K, N] = [p.at(-2)!, p.at(-1)!, q.at(-1)!]
    const y: number[] = []
    for (const [i, j] of matrixPairs(p.slice(0, -2), q.slice(0, -2))) {
      for (let m = 0; m < M; m++) {
        for (let n = 0; n < N; n++) {
          let sum = bias?.[n] ?? 0
          for (let k = 0; k < K; k++) sum += a![(i * M + m) * K + k]! * b![(j * K + k) * N + n]!
          y.push(sum)
        }
      }
    }
    return [Float64Array.from(y)]
  },
}

/** For the reference: which matrix of a meets which of b, for each of y. */
function matrixPairs(p: readonly number[], q: readonly number[]): [number, number][] {
  const rank = Math.max(p.length, q.length)
  let pairs: [number, number][] = [[0, 0]]
  for (let axis = 0; axis < rank; axis++) {
    const [m, n] = [p[axis - rank + p.length] ?? 1, q[axis - rank + q.length] ?? 1]
    const steps = Array.from({ length: Math.max(m, n) }, (_, k) => k)
    pairs = pairs.flatMap(([i, j]) =>
      steps.map((k): [number, number] => [i * m + (m > 1 ? k : 0), j * n + (n > 1 ? k : 0)]),
    )
  }
  return pairs
}

function batched(
  inputs: readonly Spec[],
  y: Spec,
  bindings: Dispatch['bindings'],
  HAS_BIAS: number,
): Dispatch {
  const [M, K, N] = [y.shape.at(-2)!, inputs[0]!.shape.at(-1)!, y.shape.at(-1)!]
  const axes = y.shape.slice(0, -2)
  const { params, constants } = walkParams(batchWalk(inputs, axes), ['a', 'b'])
  const batches = elems({ shape: axes })
  const ROWS = Math.min(M, 8)
  const COLUMNS = N > 8 ? 2 : 1
  const LY = [1, 2, 4].find((lanes) => lanes * ROWS >= M) ?? 8
  return {
    shader: 'matmul',
    constants: { ROWS, COLUMNS, LX: 8, LY, HAS_BIAS, ...constants },
    params: { batches, M, K, N, ...params },
    bindings,
    workgroups: grid(batches * ceilDiv(M, LY * ROWS) * ceilDiv(N, 8 * COLUMNS)),
  }
}

/** How the kernel goes through the matrices of both inputs, repeated to the batch axes `axes`. */
function batchWalk(inputs: readonly Spec[], axes: readonly number[]) {
  const strides = inputs.slice(0, 2).map(({ shape }) => {
    const matrix = shape.at(-2)! * shape.at(-1)!
    return repeatedStrides(shape.slice(0, -2), axes).map((stride) => stride * matrix)
  })
  return mergeAxes('matmul', { sizes: axes, strides }, inputs)
}

/** Rows are the pixels of a 1×1 convolution, whose kernel is the faster one. */
function asConvolution(
  { rows, K, N }: { rows: number; K: number; N: number },
  inputCount: number,
  traits: Traits,
): Dispatch[] {
  const inputs = [{ shape: [1, 1, rows, K] }, { shape: [1, 1, K, N] }]
  const refs = Array.from({ length: inputCount }, (_, i) => input(i))
  const bound = { inputs: refs, result: output(0), start: 0, channels: N }
  return convolutions(inputs, bound, conv2dDefaults, traits)[0]!.dispatches
}
