import { PORTABLE } from '../src/device/traits.ts'
import { compile, type Plan, type Step } from '../src/graph/compile.ts'
import type { ConvGeometry } from '../src/kernels/conv/convGeometry.ts'
import { type Dispatch, formatShape } from '../src/kernels/op.ts'
import { inferenceGraph, trainingGraph } from '../src/model/graphs.ts'
import { reportNetwork } from '../src/model/report/index.ts'
import { convolutionFlops, formatConvolution } from '../src/tune/convolutions.ts'
import type { Binding } from './run.ts'

export interface Size {
  readonly width: number
  readonly size: number
  readonly batch: number
}

/** Equal dispatches of the network: the same shader, constants, parameters and shapes. */
export interface Work {
  readonly op: string
  /** Names of the layers that run it, in the order of the training step. */
  readonly layers: readonly string[]
  readonly dispatch: Dispatch
  /** What it works on, for people: "56×56×128 → 28×28×256, 3×3/2". */
  readonly shape: string
  readonly bindings: readonly Binding[]
  /** How often it runs in a colouring and in a training step. */
  readonly counts: { readonly forward: number; readonly training: number }
  /** Floating-point operations, two for a multiply-add; null where what counts is moving bytes. */
  readonly flops: number | null
  /** Bytes of all bindings, each memory once: what must be moved if nothing is moved twice. */
  readonly bytes: number
}

export const CLASSES = 1000

/** A colouring and a training step. */
export function graphsOf({ width, size, batch }: Size) {
  const image = { batch, height: size, width: size }
  const network = reportNetwork({ classes: CLASSES, width })
  return [inferenceGraph(network, image), trainingGraph(network, image)] as const
}

export function plansOf(size: Size, maxBindingBytes: number, traits = PORTABLE) {
  const [forward, training] = graphsOf(size)
  return {
    forward: compile(forward, maxBindingBytes, traits),
    training: compile(training, maxBindingBytes, traits),
  }
}

/** All dispatches of the plans, equal ones once. */
export function workOf(plans: { readonly forward: Plan; readonly training: Plan }): Work[] {
  const found = new Map<string, Work & { layers: string[]; counts: { forward: number; training: number } }>()
  for (const name of ['training', 'forward'] as const) {
    for (const step of plans[name].steps) {
      const work = describe(step, plans[name])
      const key = JSON.stringify([work.dispatch, work.bindings])
      const known = found.get(key) ?? { ...work, layers: [], counts: { forward: 0, training: 0 } }
      if (!known.layers.includes(step.node.label)) known.layers.push(step.node.label)
      known.counts[name]++
      found.set(key, known)
    }
  }
  return [...found.values()]
}

function describe({ node, dispatch, places }: Step, plan: Plan): Omit<Work, 'layers' | 'counts'> {
  const memories = places.map((place) => JSON.stringify(place))
  const bindings = places.map(({ sizeBytes }, i) => ({
    bytes: sizeBytes,
    memory: memories.indexOf(memories[i]!),
  }))
  return {
    op: node.op,
    dispatch,
    shape: shapeOf(dispatch) ?? formatShape(plan.nodeOutputs.get(node.id)![0]!.shape),
    bindings,
    flops: flopsOf(dispatch),
    bytes: bindings.reduce((sum, { bytes, memory }, i) => sum + (memory === i ? bytes : 0), 0),
  }
}

/** What a dispatch convolves; null where it multiplies nothing by a convolution's weight. */
function convolutionOf({ shader, params }: Pick<Dispatch, 'shader' | 'params'>): ConvGeometry | null {
  if (shader === 'thin_sum') return null // another dispatch has multiplied
  return (params.conv as ConvGeometry | undefined) ?? null
}

function shapeOf(dispatch: Dispatch): string | null {
  const g = convolutionOf(dispatch)
  return g && formatConvolution(g)
}

/** Of a dispatch of a convolution, of one of its gradients or of a product of matrices that stands for one. */
export function flopsOf({ shader, params, workgroups }: Dispatch): number | null {
  if (shader === 'batched_product') {
    const { M, L, N } = params as Record<'M' | 'L' | 'N', number>
    return 2 * M * L * N * workgroups[2]
  }
  const g = convolutionOf({ shader, params })
  return g && convolutionFlops(g)
}
