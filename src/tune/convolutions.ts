import type { Traits } from '../device/traits.ts'
import { liveNodes } from '../graph/compile.ts'
import type { Graph } from '../graph/graph.ts'
import { type ConvAttrs, type ConvGeometry, convGeometry } from '../kernels/conv/convGeometry.ts'
import { getOp } from '../kernels/index.ts'
import type { OpName } from '../kernels/op.ts'
import { type Candidate, choiceKey, elems, type Spec } from '../kernels/op.ts'

/** Equal convolutions of a graph, or equal gradients of them to input or weight: the work that has candidates. */
export interface Convolution {
  /** See `choiceKey`. */
  readonly key: string
  readonly op: OpName
  readonly inputs: readonly Spec[]
  readonly attrs: object
  readonly geometry: ConvGeometry
  /** Layers that compute it, in order; as often as they do. */
  readonly layers: readonly string[]
  /** Of the direct convolution. */
  readonly flops: number
  /** Inputs and outputs, each once. */
  readonly bytes: number
}

/** The convolutions that the outputs of `graphs` need, and their gradients, equal ones once. */
export function convolutionsOf(graphs: readonly Graph[]): Convolution[] {
  const found = new Map<string, Convolution & { layers: string[] }>()
  for (const graph of graphs) {
    for (const { op, inputs, attrs, label } of liveNodes(graph)) {
      if (!getOp(op).candidates) continue
      const specs = inputs.map((tensor) => graph.spec(tensor))
      const key = choiceKey(op, specs, attrs)
      const known = found.get(key) ?? { ...describe(key, op, specs, attrs as ConvAttrs), layers: [] }
      known.layers.push(label)
      found.set(key, known)
    }
  }
  return [...found.values()]
}

function describe(key: string, op: OpName, inputs: readonly Spec[], attrs: ConvAttrs) {
  const [x, w] = imageAndWeight(op, inputs, attrs)
  const geometry = convGeometry(op, x, w, attrs)
  const outputs = getOp(op).infer(inputs, attrs)
  return {
    ...{ key, op, inputs, attrs, geometry },
    flops: convolutionFlops(geometry),
    bytes: 4 * [...inputs, ...outputs].reduce((sum, spec) => sum + elems(spec), 0),
  }
}

/** The gradients have the shape of what they are the gradient to among their attributes. */
function imageAndWeight(op: OpName, inputs: readonly Spec[], attrs: object): [Spec, Spec] {
  if (op === 'conv2dGradInput') return [attrs as Spec, inputs[1]!]
  return [inputs[0]!, op === 'conv2dGradWeight' ? (attrs as Spec) : inputs[1]!]
}

/**
 * Two for each product of a real pixel and a weight: padding is left out, although a kernel may multiply its zeros.
 * A convolution and its two gradients all have the same products.
 */
export function convolutionFlops(g: ConvGeometry): number {
  const vertical = { stride: g.strideH, dilation: g.dilationH, pad: g.padTop }
  const horizontal = { stride: g.strideW, dilation: g.dilationW, pad: g.padLeft }
  const rows = taps({ size: g.H, outputs: g.OH, kernel: g.R, ...vertical })
  const columns = taps({ size: g.W, outputs: g.OW, kernel: g.S, ...horizontal })
  return 2 * g.N * rows * columns * g.channelsPerGroup * g.K
}

/** A convolution along one axis. */
type Axis = Readonly<Record<'size' | 'outputs' | 'kernel' | 'stride' | 'dilation' | 'pad', number>>

/** Pairs of an output and a tap that meet a real pixel, along one axis. */
function taps({ size, outputs, kernel, stride, dilation, pad }: Axis): number {
  let count = 0
  for (let o = 0; o < outputs; o++) {
    for (let k = 0; k < kernel; k++) {
      const at = o * stride + k * dilation - pad
      if (at >= 0 && at < size) count++
    }
  }
  return count
}

/** "1×56×56×128 → 28×28×256, 3×3/2" */
export function formatConvolution(g: ConvGeometry): string {
  const stride = g.strideH === 1 && g.strideW === 1 ? '' : `/${g.strideH}`
  const groups = g.channelsPerGroup === g.C ? '' : ` in groups of ${g.channelsPerGroup}`
  return `${g.N}×${g.H}×${g.W}×${g.C} → ${g.OH}×${g.OW}×${g.K}, ${g.R}×${g.S}${stride}${groups}`
}

/** All ways to compute it, the usual one first. */
export function candidatesOf({ op, inputs, attrs }: Convolution, traits: Traits): Candidate[] {
  return getOp(op).candidates!(inputs, getOp(op).infer(inputs, attrs), attrs, traits)
}
