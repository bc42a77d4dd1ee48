import { conv2d } from './conv/conv2d.ts'
import { conv2dGradInput } from './conv/conv2dGradInput.ts'
import { conv2dGradWeight } from './conv/conv2dGradWeight.ts'
import { deinterleave, interleave } from './conv/interleave.ts'
import { phaseWeight, phaseWeightGrad } from './conv/phaseWeight.ts'
import { binary } from './elementwise/binary.ts'
import { clip, clipGrad } from './elementwise/clip.ts'
import { labToSrgb, labToSrgbGrad } from './elementwise/labToSrgb.ts'
import { leakyRelu } from './elementwise/leakyRelu.ts'
import { relu, reluGrad } from './elementwise/relu.ts'
import { scale } from './elementwise/scale.ts'
import { sigmoid } from './elementwise/sigmoid.ts'
import { softmax, softmaxGrad } from './elementwise/softmax.ts'
import { tanh, tanhGrad } from './elementwise/tanh.ts'
import { cellMeans } from './enlarge/cellMeans.ts'
import { guidedApply } from './enlarge/guidedApply.ts'
import { guidedFit } from './enlarge/guidedFit.ts'
import { jointBilateral } from './enlarge/jointBilateral.ts'
import { crossEntropy, crossEntropyGrad } from './loss/crossEntropy.ts'
import { encodeBins } from './loss/encodeBins.ts'
import { mse, mseGrad } from './loss/mse.ts'
import { matmul } from './matrix/matmul.ts'
import { concat } from './movement/concat.ts'
import { pack } from './movement/pack.ts'
import { pad } from './movement/pad.ts'
import { resize, resizeGrad } from './movement/resize.ts'
import { embed, slice } from './movement/slice.ts'
import { tileConcat } from './movement/tileConcat.ts'
import { transpose } from './movement/transpose.ts'
import { upsample, upsampleGrad } from './movement/upsample.ts'
import { view } from './movement/view.ts'
import { addRows } from './norm/addRows.ts'
import { batchNorm, batchNormGrad, batchNormTrain } from './norm/batchNorm.ts'
import { sumRows } from './norm/sumRows.ts'
import type { AnyOp, OpName } from './op.ts'
import { adam } from './optim/adam.ts'
import { lerp } from './optim/lerp.ts'
import { lossScaling } from './optim/lossScaling.ts'
import { pool2d } from './pool/pool2d.ts'
import { pool2dGrad } from './pool/pool2dGrad.ts'
import { reduce } from './pool/reduce.ts'
import { affinities } from './smooth/affinities.ts'
import { bilateral } from './smooth/bilateral.ts'
import { conjugateGradient } from './smooth/conjugateGradient.ts'
import { laplacian } from './smooth/laplacian.ts'
import { spreadHints } from './smooth/spreadHints.ts'

/** Every operator there is. `test/cases.ts` must have rows for each, or it does not compile. */
export const ops = {
  view,
  pack,
  binary,
  scale,
  relu,
  reluGrad,
  leakyRelu,
  labToSrgb,
  labToSrgbGrad,
  clip,
  clipGrad,
  sigmoid,
  tanh,
  tanhGrad,
  softmax,
  softmaxGrad,
  reduce,
  pool2d,
  pool2dGrad,
  upsample,
  upsampleGrad,
  phaseWeight,
  phaseWeightGrad,
  interleave,
  deinterleave,
  resize,
  resizeGrad,
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
  cellMeans,
  guidedFit,
  guidedApply,
  jointBilateral,
  affinities,
  laplacian,
  conjugateGradient,
  spreadHints,
  bilateral,
  lerp,
  lossScaling,
  adam,
} as const

type Ops = typeof ops
declare module './op.ts' {
  interface OpTable extends Ops {}
}

/** The operator of a node, with its attribute type erased. */
export const getOp = (name: OpName): AnyOp => ops[name]
