/**
 * The contract that every operator fulfils. Shape rule, GPU kernels, gradient and float64 reference of one operator
 * stand in one file; `index.ts` holds the table, `test/cases.ts` the rows that test every one of them.
 *
 * Tensors are dense and row-major; images are NHWC, convolution weights [R, S, C, K].
 */

import type { Params } from '../device/shader.ts'
import type { Traits } from '../device/traits.ts'
import { product } from '../numbers.ts'

/** The static type of a tensor. On the GPU it is float32, or float16 where the planner decides so; in the reference float64. */
export interface Spec {
  readonly shape: readonly number[]
  /** Set by the planner for kernels only: the tensor's rows lie inside the wider rows of a concatenation. */
  readonly slice?: Slice
}

/** Where the last axis of a tensor lies in that of the tensor it is concatenated into. */
export interface Slice {
  readonly channels: number
  readonly offset: number
}

/** Identifies a tensor inside one graph. */
export type Tensor = number & { readonly __brand: 'Tensor' }

/** What a kernel's binding refers to: the i-th input or output of the node, or scratch that lives for this node only. */
export type Ref =
  | { readonly from: 'input' | 'output'; readonly index: number }
  | { readonly from: 'scratch'; readonly index: number; readonly elems: number }

/** One `dispatchWorkgroups`, as data. */
export interface Dispatch {
  /** Stem of the file under `shaders/`. */
  readonly shader: string
  /** Values of `override`s and of `const NAME = …;` lines; together with `shader` they identify the pipeline. */
  readonly constants?: Readonly<Record<string, number>>
  /** Fields of the shader's `struct Params` (binding 0), by name. */
  readonly params: Params
  /** Bindings 1, 2, … in order. */
  readonly bindings: readonly Ref[]
  readonly workgroups: readonly [number, number, number]
  /**
   * Its result need not be computed again until one of its inputs changes. It fills scratch that no other dispatch writes, or
   * it is the only dispatch of its node.
   */
  readonly isPreparation?: boolean
  /** Set by the planner: the bindings, from 0 on, that hold float16. */
  readonly half?: readonly number[]
}

/** One of several ways to compute the same. */
export interface Candidate {
  readonly name: string
  readonly dispatches: Dispatch[]
}

/**
 * The operators by name. `index.ts`, which holds the table, fills this in: so gradients may name any operator, and no operator
 * imports the table that it stands in.
 */
// biome-ignore lint/suspicious/noEmptyInterface: filled in by index.ts
export interface OpTable {}
export type OpName = keyof OpTable
export type AttrsOf<N extends OpName> = OpTable[N] extends Op<infer A> ? A : never

/** Emits the gradient of an operator as more nodes of the same graph. */
export interface GradBuilder {
  readonly inputs: readonly Tensor[]
  readonly outputs: readonly Tensor[]
  /** Gradient of the loss with respect to each output; null where no path leads from it to the loss. */
  readonly outputGrads: readonly (Tensor | null)[]
  /** Whether the gradient of input `index` is asked for; others may be returned as null to save the work. */
  needs(index: number): boolean
  shape(tensor: Tensor): readonly number[]
  constant(data: Float32Array, shape: readonly number[]): Tensor
  /** Adds a node and returns its first output (`all` for every output). */
  op<N extends OpName>(name: N, inputs: readonly Tensor[], attrs: AttrsOf<N>): Tensor
  all<N extends OpName>(name: N, inputs: readonly Tensor[], attrs: AttrsOf<N>): Tensor[]
}

// biome-ignore lint/suspicious/noExplicitAny: the table of operators holds operators of different attributes
export type AnyOp = Op<any>

export interface Op<A extends object> {
  /** Stem of the operator's file. */
  readonly name: string
  /** Output shapes; throws a `ShapeError` that shows the shapes when they don't fit. */
  infer(inputs: readonly Spec[], attrs: A): Spec[]
  /** The dispatches that compute it. Pure data, no GPU here. None: the planner aliases memory instead (view, pack). */
  kernels(inputs: readonly Spec[], outputs: readonly Spec[], attrs: A, traits: Traits): Dispatch[]
  /** All ways to compute it that fit the shapes and the adapter, where there are several; `kernels` takes the first. */
  candidates?(inputs: readonly Spec[], outputs: readonly Spec[], attrs: A, traits: Traits): Candidate[]
  /** Gradient with respect to each input. Absent: not differentiable. */
  grad?(builder: GradBuilder, attrs: A): (Tensor | null)[]
  /** Naive float64 loops: the specification. Shares no indexing with the kernels. */
  reference(inputs: readonly Float64Array[], specs: readonly Spec[], attrs: A): Float64Array[]
  /** `inPlace[i]`: the input whose memory output i overwrites. The kernel binds it once, as that output. */
  readonly inPlace?: readonly (number | null)[]
  /**
   * The inputs that the shaders can also read as float16, by index; output 0 they then write as either, too. Without it all
   * is float32.
   */
  readonly half?: 'all' | readonly number[]
  /** Outputs stay float32 even when inputs are float16: sums over pixels, gradients of weights. */
  readonly fullOutput?: true
  /** Whether the kernels can write output 0 into a slice; without it a concatenation copies. */
  writesSlice?(inputs: readonly Spec[], output: Spec, attrs: A, slice: Slice): boolean
  /** How the outputs or inputs share memory without any kernel; see `graph/memory.ts`. */
  readonly alias?: 'view' | 'pack'
}

export class ShapeError extends Error {
  constructor(op: string, problem: string, inputs: readonly Spec[]) {
    super(`${op}: ${problem} (inputs ${inputs.map((s) => formatShape(s.shape)).join(', ') || 'none'})`)
    this.name = 'ShapeError'
  }
}

export const formatShape = (shape: readonly number[]) => `[${shape.join('×')}]`
export const elems = (spec: Spec) => product(spec.shape)
export const ceilDiv = (a: number, b: number) => Math.ceil(a / b)

/** Names a piece of work, wherever it stands: "conv2d [1×28×28×256] [3×3×256×512] [512] activation=relu …". */
export function choiceKey(op: string, inputs: readonly Spec[], attrs: object): string {
  const named = Object.entries(attrs).map(([name, value]) => `${name}=${value}`)
  return [op, ...inputs.map(({ shape }) => formatShape(shape)), ...named.sort()].join(' ')
}

export const input = (index: number): Ref => ({ from: 'input', index })
export const output = (index: number): Ref => ({ from: 'output', index })
export const scratch = (index: number, elems: number): Ref => ({ from: 'scratch', index, elems })

/** WebGPU's guaranteed `maxComputeWorkgroupsPerDimension`. */
const MAX_WORKGROUPS = 65535

/** Whether WebGPU takes so many workgroups in each direction on any adapter. */
export const fitsGrid = ({ workgroups }: Pick<Dispatch, 'workgroups'>) =>
  workgroups.every((count) => count <= MAX_WORKGROUPS)

/** Lays `count` workgroups out in x and y; shaders undo it with `lib/grid.wgsl`. */
export function grid(count: number): [number, number, number] {
  const x = Math.min(Math.max(count, 1), MAX_WORKGROUPS)
  return [x, ceilDiv(Math.max(count, 1), x), 1]
}

/** The dispatch of an elementwise kernel: one invocation per vec4, 64 invocations a workgroup. */
export function elementwise(
  shader: string,
  count: number,
  bindings: readonly Ref[],
  { params = {}, constants = {} }: Partial<Pick<Dispatch, 'params' | 'constants'>> = {},
): Dispatch {
  const vectors = ceilDiv(count, 4)
  return {
    shader,
    constants,
    params: { vectors, ...params },
    bindings,
    workgroups: grid(ceilDiv(vectors, 64)),
  }
}

/** Checks the number of inputs and their ranks; `ranks[i]` null allows any rank. */
export function expectRanks(op: string, inputs: readonly Spec[], ranks: readonly (number | null)[]): void {
  if (inputs.length !== ranks.length) {
    throw new ShapeError(op, `needs ${ranks.length} inputs, got ${inputs.length}`, inputs)
  }
  ranks.forEach((rank, i) => {
    if (rank !== null && inputs[i]!.shape.length !== rank) {
      throw new ShapeError(op, `input ${i} must have rank ${rank}`, inputs)
    }
  })
}

export function expectSame(op: string, inputs: readonly Spec[], a: number, b: number): void {
  const [s, t] = [inputs[a]!.shape, inputs[b]!.shape]
  if (s.length !== t.length || s.some((d, i) => d !== t[i])) {
    throw new ShapeError(op, `inputs ${a} and ${b} must have the same shape`, inputs)
  }
}
