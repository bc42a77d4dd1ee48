import { adam } from './adam.ts'
import { addRows } from './addRows.ts'
import { batchNorm, batchNormGrad, batchNormTrain } from './batchNorm.ts'
import { binary } from './binary.ts'
import { clip, clipGrad } from './clip.ts'
import { concat } from './concat.ts'
import { conv2d } from './conv2d.ts'
import { conv2dGradInput } from './conv2dGradInput.ts'
import { conv2dGradWeight } from './conv2dGradWeight.ts'
import { crossEntropy, crossEntropyGrad } from './crossEntropy.ts'
import { encodeBins } from './encodeBins.ts'
import { deinterleave, interleave } from './interleave.ts'
import { leakyRelu } from './leakyRelu.ts'
import { lerp } from './lerp.ts'
import { lossScaling } from './lossScaling.ts'
import { matmul } from './matmul.ts'
import { mse, mseGrad } from './mse.ts'
import type { AnyOp, Op } from './op.ts'
import { pack } from './pack.ts'
import { pad } from './pad.ts'
import { phaseWeight, phaseWeightGrad } from './phaseWeight.ts'
import { pool2d } from './pool2d.ts'
import { reduce } from './reduce.ts'
import { relu, reluGrad } from './relu.ts'
import { resize } from './resize.ts'
import { scale } from './scale.ts'
import { sigmoid } from './sigmoid.ts'
import { embed, slice } from './slice.ts'
import { softmax } from './softmax.ts'
import { sumRows } from './sumRows.ts'
import { tanh, tanhGrad } from './tanh.ts'
import { tileConcat } from './tileConcat.ts'
import { transpose } from './transpose.ts'
import { upsample, upsampleGrad } from './upsample.ts'
import { view } from './view.ts'

/** Every operator there is. `test/cases.ts` must have rows for each, or it does not compile. */
export const ops = {
  view,
  pack,
  binary,
  scale,
  relu,
  reluGrad,
  leakyRelu,
  clip,
  clipGrad,
  sigmoid,
  tanh,
  tanhGrad,
  softmax,
  reduce,
  pool2d,
  upsample,
  upsampleGrad,
  phaseWeight,
  phaseWeightGrad,
  interleave,
  deinterleave,
  resize,
  tileConcat,
  slice,
  embed,
  concat,
  transpose,
  pad,
  addRows,
  sumRows,
  matmul,
  conv2d,
  conv2dGradInput,
  conv2dGradWeight,
  batchNormTrain,
  batchNorm,
  batchNormGrad,
  mse,
  mseGrad,
  encodeBins,
  crossEntropy,
  crossEntropyGrad,
  lerp,
  lossScaling,
  adam,
} as const

export type OpName = keyof typeof ops
export type AttrsOf<N extends OpName> = (typeof ops)[N] extends Op<infer A> ? A : never

/** The operator of a node, with its attribute type erased. */
export const getOp = (name: OpName): AnyOp => ops[name]
