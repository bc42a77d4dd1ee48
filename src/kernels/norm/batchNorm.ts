import {
  ceilDiv,
  type Dispatch,
  elems,
  expectRanks,
  expectSame,
  type GradBuilder,
  grid,
  input,
  type Op,
  output,
  type Ref,
  ShapeError,
  type Spec,
  scratch,
  type Tensor,
} from '../op.ts'
import { chunkRows, foldRows, partialElems, reduceChunks, walkRows } from './chunks.ts'

/** Batch normalisation over all pixels of [N,H,W,C] (Ioffe and Szegedy 2015); the variance is the biased one. */
export interface BatchNormAttrs {
  readonly epsilon: number
}

/** [x, gamma [C], beta [C]] → [y, mean [C], var [C]]: y = (x − mean) / √(var + epsilon) · gamma + beta. */
export const batchNormTrain: Op<BatchNormAttrs> = {
  name: 'batchNormTrain',
  half: [0],

  infer(inputs) {
    const C = expectChannels('batchNormTrain', inputs, 1, 2)
    return [inputs[0]!, { shape: [C] }, { shape: [C] }]
  },

  kernels([x], _outputs, { epsilon }) {
    const bindings = [input(0), input(1), input(2), output(1), output(2), output(0)]
    return [...statistics(x!), walkRows('batch_norm', x!, bindings, { epsilon })]
  },

  grad(b, attrs) {
    const [dy, dmean, dvar] = b.outputGrads
    if (!dy || dmean || dvar)
      throw new Error('batchNormTrain: only y can be differentiated, not the statistics')
    const [x, gamma] = b.inputs
    const [, mean, variance] = b.outputs
    return b.all('batchNormGrad', [dy, x!, gamma!, mean!, variance!], attrs)
  },

  reference([x, gamma, beta], _specs, { epsilon }) {
    const C = gamma!.length
    const mean = meanOf(x!, C)
    const variance = meanOf(
      x!.map((value, i) => (value - mean[i % C]!) ** 2),
      C,
    )
    return [normalise([x!, gamma!, beta!, mean, variance], epsilon), mean, variance]
  },
}

/** [x, gamma, beta, mean, var] → y with given statistics, which do not depend on x here. */
export const batchNorm: Op<BatchNormAttrs> = {
  name: 'batchNorm',
  half: [0],

  infer(inputs) {
    expectChannels('batchNorm', inputs, 1, 4)
    return [inputs[0]!]
  },

  kernels([x], _outputs, { epsilon }) {
    const bindings = [input(0), input(1), input(2), input(3), input(4), output(0)]
    return [walkRows('batch_norm', x!, bindings, { epsilon })]
  },

  grad: (b, attrs) => fixedStatisticsGrad(b, attrs),

  reference: (inputs, _specs, { epsilon }) => [normalise(inputs, epsilon)],
}

/**
 * [dy, x, gamma, mean, var] → [dx, dgamma, dbeta] of batchNormTrain. With x̂ = (x − mean) / √(var + epsilon):
 * dbeta = Σ dy, dgamma = Σ dy·x̂, dx = gamma / √(var + epsilon) · (dy − (dbeta + x̂·dgamma) / M) over the M rows.
 */
export const batchNormGrad: Op<BatchNormAttrs> = {
  name: 'batchNormGrad',
  half: [0, 1],

  infer(inputs) {
    const C = expectChannels('batchNormGrad', inputs, 2, 3)
    return [inputs[0]!, { shape: [C] }, { shape: [C] }]
  },

  kernels([, x], _outputs, { epsilon }) {
    const { rows, C } = sizes(x!)
    const cut = chunkRows(rows, C)
    const [dgamma, dbeta] = [scratch(0, partialElems(cut)), scratch(1, partialElems(cut))]
    const parts = { groups: 1, rows: cut.chunks * cut.superRow, channels: C }
    const dy = [input(0), input(1)]
    const sums = [...dy, input(3), input(4), dgamma, dbeta]
    const apply = [...dy, input(2), input(3), input(4), output(1), output(2), output(0)]
    return [
      reduceChunks('batch_norm_grad_partial', cut, sums, { elems: rows * C, channels: C, epsilon }),
      foldRows(dgamma, output(1), parts),
      foldRows(dbeta, output(2), parts),
      walkRows('batch_norm_grad', x!, apply, { M: rows, epsilon }),
    ]
  },

  reference([dy, x, gamma, mean, variance], _specs, { epsilon }) {
    const C = gamma!.length
    const M = x!.length / C
    const [dgamma, dbeta] = [new Float64Array(C), new Float64Array(C)]
    const xhat = x!.map((value, i) => (value - mean![i % C]!) / Math.sqrt(variance![i % C]! + epsilon))
    xhat.forEach((value, i) => {
      dgamma[i % C]! += dy![i]! * value
      dbeta[i % C]! += dy![i]!
    })
    const dx = xhat.map((value, i) => {
      const c = i % C
      const centred = dy![i]! - (dbeta[c]! + value * dgamma[c]!) / M
      return (gamma![c]! / Math.sqrt(variance![c]! + epsilon)) * centred
    })
    return [dx, dgamma, dbeta]
  },
}

/**
 * dx = gamma ⁄ √(var + epsilon) · dy, which is a batchNorm itself; dgamma and dbeta are those of training. The statistics are
 * inputs like any other: dmean = −Σ dx, dvar = −gamma · dgamma ⁄ (2 (var + epsilon)).
 */
function fixedStatisticsGrad(b: GradBuilder, attrs: BatchNormAttrs): (Tensor | null)[] {
  const [x, gamma, , mean, variance] = b.inputs as [Tensor, Tensor, Tensor, Tensor, Tensor]
  const dy = b.outputGrads[0]!
  const vector = (value: number) =>
    b.constant(new Float32Array(b.shape(gamma)[0]!).fill(value), b.shape(gamma))
  const needsSums = [1, 2, 4].some((index) => b.needs(index))
  const sums = needsSums ? b.all('batchNormGrad', [dy, x, gamma, mean, variance], attrs) : []
  const dx = () => b.op('batchNorm', [dy, gamma, vector(0), vector(0), variance], attrs)
  const moved = b.needs(0) || b.needs(3) ? dx() : null
  const dmean = () => b.op('scale', [b.op('sumRows', [moved!], { keepBatch: false })], { factor: -1 })
  const dvariance = () => {
    const product = b.op('binary', [gamma, sums[1]!], { kind: 'mul' })
    const shifted = b.op('binary', [variance, vector(attrs.epsilon)], { kind: 'add' })
    return b.op('scale', [b.op('binary', [product, shifted], { kind: 'div' })], { factor: -0.5 })
  }
  return [
    moved,
    sums[1] ?? null,
    sums[2] ?? null,
    b.needs(3) ? dmean() : null,
    b.needs(4) ? dvariance() : null,
  ]
}

/** Mean and variance into outputs 1 and 2, by chunks whose statistics are then merged. */
function statistics(x: Spec): Dispatch[] {
  const { rows, C } = sizes(x)
  const cut = chunkRows(rows, C)
  const [means, deviations]: Ref[] = [scratch(0, partialElems(cut)), scratch(1, partialElems(cut))]
  const { superRow, rowsPerChunk } = cut
  return [
    reduceChunks('batch_norm_partial', cut, [input(0), means!, deviations!], { elems: rows * C }),
    {
      shader: 'batch_norm_statistics',
      params: { M: rows, parts: cut.chunks * superRow, channels: C, superRow, rowsPerChunk },
      bindings: [means!, deviations!, output(1), output(2)],
      workgroups: grid(ceilDiv(C, 8)),
    },
  ]
}

function sizes(x: Spec) {
  const C = x.shape.at(-1)!
  return { rows: elems(x) / C, C }
}

/** Checks that the first `images` inputs are [N,H,W,C], all alike, and `vectors` more are [C]. Returns C. */
function expectChannels(op: string, inputs: readonly Spec[], images: number, vectors: number): number {
  expectRanks(op, inputs, [...Array(images).fill(4), ...Array(vectors).fill(1)])
  for (let i = 1; i < images; i++) expectSame(op, inputs, 0, i)
  const C = inputs[0]!.shape[3]!
  if (inputs.slice(images).some(({ shape }) => shape[0] !== C)) {
    throw new ShapeError(op, `the last ${vectors} inputs must be [${C}]`, inputs)
  }
  return C
}

function meanOf(x: Float64Array, C: number): Float64Array {
  const mean = new Float64Array(C)
  x.forEach((value, i) => {
    mean[i % C]! += (value * C) / x.length
  })
  return mean
}

/** [x, gamma, beta, mean, var] → y */
function normalise(inputs: readonly Float64Array[], epsilon: number): Float64Array {
  const [x, gamma, beta, mean, variance] = inputs
  const C = gamma!.length
  return x!.map((value, i) => {
    const c = i % C
    return ((value - mean![c]!) / Math.sqrt(variance![c]! + epsilon)) * gamma![c]! + beta![c]!
  })
}
