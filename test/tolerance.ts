import { HALF_OVERFLOW } from '../src/device/float16.ts'
import type { OpName } from '../src/kernels/op.ts'
import { elems, type Spec } from '../src/kernels/op.ts'

/**
 * How far a float32 kernel may be from the float64 reference:
 *
 *     |got − want| ≤ ATOL · rms(want) + RTOL · √K · |want|
 *
 * RTOL and ATOL are PyTorch's own for float32 (torch.testing.assert_close; 1.3e-6 is about 11 roundings, 1e-5 is also
 * what WGSL allows tanh). The rounding errors of a sum of K terms walk at random, so they grow as √K. ATOL counts in
 * units of the tensor's root mean square, which makes the rule independent of scale: a sum that cancels to almost
 * nothing is off by what its neighbours are off.
 */
export const ATOL = 1e-5
export const RTOL = 1.3e-6
/** What storing a number as float16 adds: half a step of its 11 significant bits, and of the least of all steps. */
export const HALF_RTOL = 2 ** -11
export const HALF_ATOL = 2 ** -25

export interface Comparison {
  /** The largest error ÷ allowance; above 1 fails. */
  readonly share: number
  /** The worst element, in words. */
  readonly worst: string
}

/**
 * Compares in the sense above. NaN and infinities must stand where the reference has them, with `half` also an infinity
 * where float16 has no number.
 */
export function compare(
  got: ArrayLike<number>,
  exact: ArrayLike<number>,
  K: number,
  half = false,
): Comparison {
  const want = half ? Float64Array.from(exact, overflowed) : exact
  if (got.length < want.length)
    return { share: Number.POSITIVE_INFINITY, worst: `only ${got.length} of ${want.length} elements` }
  const atol = ATOL * rootMeanSquare(want) + (half ? HALF_ATOL : 0)
  const rtol = RTOL * Math.sqrt(K) + (half ? HALF_RTOL : 0)
  let [share, at] = [-1, 0]
  for (let i = 0; i < want.length; i++) {
    const used = shareUsed(got[i]!, want[i]!, atol, rtol)
    if (used > share) [share, at] = [used, i]
  }
  const allowed = atol + rtol * Math.abs(want[at]!)
  return { share, worst: `element ${at}: ${got[at]}, not ${want[at]} (allowed ±${allowed.toExponential(1)})` }
}

const overflowed = (value: number) =>
  Math.abs(value) < HALF_OVERFLOW ? value : value * Number.POSITIVE_INFINITY

function shareUsed(got: number, want: number, atol: number, rtol: number): number {
  if (!Number.isFinite(want) || !Number.isFinite(got))
    return Object.is(got, want) ? 0 : Number.POSITIVE_INFINITY
  const error = Math.abs(got - want)
  return error === 0 ? 0 : error / (atol + rtol * Math.abs(want))
}

function rootMeanSquare(values: ArrayLike<number>): number {
  let sum = 0
  let count = 0
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i]!)) continue
    sum += values[i]! ** 2
    count++
  }
  return count ? Math.sqrt(sum / count) : 0
}

type Length = (inputs: readonly Spec[], attrs: never) => number

const dim = (spec: Spec | undefined, axis: number) => spec!.shape.at(axis)!
/** All dimensions but the last: the rows that a per-channel sum runs over. */
const rows = (spec: Spec | undefined) => elems(spec!) / dim(spec, -1)

/** Terms of the longest sum that an operator forms; 1 for those not named, which is the strictest. */
const LENGTHS: Partial<Record<OpName, Length>> = {
  conv2d: ([, w]) => elems(w!) / dim(w, -1),
  conv2dGradInput: ([, w], { groups }: { groups: number }) => elems(w!) / dim(w, 2) / groups,
  conv2dGradWeight: ([, dy]) => rows(dy),
  matmul: ([, b]) => dim(b, -2),
  softmax: ([x]) => dim(x, -1),
  softmaxGrad: ([y]) => dim(y, -1),
  resize: (_inputs, { mode }: { mode: string }) => (mode === 'linear' ? 4 : 1),
  resizeGrad: ([, rows, columns]) => elems(rows!) * elems(columns!),
  reduce: ([x], { axes }: { axes: readonly number[] }) => axes.reduce((n, axis) => n * dim(x, axis), 1),
  // a pixel lies in as many windows as a window has taps
  pool2dGrad: (_inputs, { kernel: [R, S] }: { kernel: readonly [number, number] }) => R * S,
  pool2d: (_inputs, { kernel: [R, S] }: { kernel: readonly [number, number] }) => R * S,
  sumRows: ([x], { keepBatch }: { keepBatch: boolean }) => rows(x) / (keepBatch ? dim(x, 0) : 1),
  upsampleGrad: (_inputs, { factor }: { factor: number }) => factor ** 2,
  batchNormTrain: ([x]) => rows(x),
  batchNormGrad: ([x]) => rows(x),
  mse: ([prediction]) => elems(prediction!),
  crossEntropy: ([logits]) => elems(logits!),
  crossEntropyGrad: ([, logits]) => dim(logits, -1),
  cellMeans: ([x]) => dim(x, 1) * dim(x, 2),
  guidedFit: (_inputs, { radius }: { radius: number }) => (2 * radius + 1) ** 2,
  guidedApply: () => 4,
  affinities: () => 9,
  laplacian: () => 9,
  conjugateGradient: ([x]) => rows(x),
  spreadHints: ([ab]) => dim(ab, 1) * dim(ab, 2),
  bilateral: ([ab], { radius, step }: { radius: number; step: number }) =>
    [1, 2].reduce((n, axis) => n * Math.min(2 * Math.floor(radius / step) + 1, dim(ab, axis)), 1),
  jointBilateral: (_inputs, { radius }: { radius: number }) => (2 * radius + 1) ** 2,
}

export const reductionLength = (op: OpName, inputs: readonly Spec[], attrs: object) =>
  Math.max(1, LENGTHS[op]?.(inputs, attrs as never) ?? 1)
