/** A graph that colours, as an ONNX model of the same layers and weights: so that another runtime can compute it. */
import proto from 'onnx-proto'
import type { Graph, Node } from '../../src/graph/graph.ts'
import type { Conv2dAttrs } from '../../src/kernels/conv/conv2d.ts'
import type { Tensor } from '../../src/kernels/op.ts'
import { product } from '../../src/numbers.ts'

const { onnx } = proto
const { FLOAT, INT64 } = onnx.TensorProto.DataType
const { AttributeType } = onnx.AttributeProto

const OPSET = 17
const IR_VERSION = 8

/** ONNX keeps images as NCHW, graphs as NHWC: where each of its axes stands here, and where each of these stands there. */
const [HERE, THERE] = [
  [0, 3, 1, 2],
  [0, 2, 3, 1],
]
/** Weights [R,S,C,K] become [K,C,R,S]. */
const WEIGHT_AXES = [3, 2, 0, 1]

type Attributes = proto.onnx.IAttributeProto[]
const ints = (name: string, values: readonly number[]) => ({
  name,
  type: AttributeType.INTS,
  ints: [...values],
})
const int = (name: string, i: number) => ({ name, type: AttributeType.INT, i })
const float = (name: string, f: number) => ({ name, type: AttributeType.FLOAT, f })
const text = (name: string, value: string) => ({
  ...{ name, type: AttributeType.STRING },
  s: new TextEncoder().encode(value),
})

/**
 * The bytes of the model. Inputs and outputs have the graph's names, images among them as NCHW.
 * @param variables the weights, by the names of the graph's variables
 * @throws Error for operators that networks do not colour with
 */
export function onnxOf(graph: Graph, variables: ReadonlyMap<string, Float32Array>): Uint8Array {
  const writer = new Writer(graph, variables)
  for (const node of graph.nodes) writer.add(node)
  const outputs = [...graph.outputs].map(([name, tensor]) => {
    writer.node('Identity', [writer.value(tensor)], name)
    return writer.info(name, tensor)
  })
  return onnx.ModelProto.encode({
    ...{
      irVersion: IR_VERSION,
      producerName: 'webgpu-colorizer',
      opsetImport: [{ domain: '', version: OPSET }],
    },
    graph: {
      name: 'network',
      ...{ node: writer.nodes, initializer: writer.initializers, input: [...writer.inputs.values()] },
      output: outputs,
    },
  }).finish()
}

const isImage = (shape: readonly number[]) => shape.length === 4
const permuted = (shape: readonly number[], axes: readonly number[]) => axes.map((axis) => shape[axis]!)

class Writer {
  readonly nodes: proto.onnx.INodeProto[] = []
  readonly initializers: proto.onnx.ITensorProto[] = []
  readonly inputs = new Map<string, proto.onnx.IValueInfoProto>()
  readonly #names = new Map<Tensor, string>()
  /** Parts of variables, which are known now. */
  readonly #data = new Map<Tensor, Float32Array>()

  constructor(
    private readonly graph: Graph,
    private readonly variables: ReadonlyMap<string, Float32Array>,
  ) {}

  /** Adds an operator whose output is called `name`. */
  node(op: string, inputs: readonly string[], name: string, attribute: Attributes = []): string {
    this.nodes.push({ name, opType: op, input: [...inputs], output: [name], attribute })
    return name
  }

  info(name: string, tensor: Tensor): proto.onnx.IValueInfoProto {
    const shape = this.graph.shape(tensor)
    const dim = (isImage(shape) ? permuted(shape, HERE) : shape).map((dimValue) => ({ dimValue }))
    return { name, type: { tensorType: { elemType: FLOAT, shape: { dim } } } }
  }

  /** What a tensor is called in the model; inputs and weights are added when they are first asked for. */
  value(tensor: Tensor): string {
    const known = this.#names.get(tensor)
    if (known !== undefined) return known
    const origin = this.graph.origin(tensor)
    const name = origin.kind === 'input' ? origin.name : `weights_${tensor}`
    if (origin.kind === 'input') this.inputs.set(name, this.info(name, tensor))
    else this.#addFloats(name, this.graph.shape(tensor), this.#dataOf(tensor))
    this.#names.set(tensor, name)
    return name
  }

  /** Adds what a node computes. */
  add(node: Node): void {
    const { op, inputs, attrs } = node
    if (op === 'view' && this.#isKnown(inputs[0]!)) {
      const { offset, shape } = attrs as { offset: number; shape: readonly number[] }
      const length = product(shape)
      this.#data.set(node.outputs[0]!, this.#dataOf(inputs[0]!).subarray(offset, offset + length))
      return
    }
    const write = OPERATORS[op]
    if (!write) throw new Error(`${node.label}: the operator ${op} is not written as ONNX`)
    const name = `${node.label}_${node.id}`
    this.#names.set(node.outputs[0]!, write(this, node, name))
  }

  shape(tensor: Tensor): readonly number[] {
    return this.graph.shape(tensor)
  }

  /** A weight [R,S,C,K] as [K,C,R,S]. */
  weight(tensor: Tensor): string {
    const name = `kernel_${tensor}`
    const shape = this.graph.shape(tensor)
    if (!this.initializers.some((known) => known.name === name))
      this.#addFloats(
        name,
        permuted(shape, WEIGHT_AXES),
        transposed(this.#dataOf(tensor), shape, WEIGHT_AXES),
      )
    return name
  }

  /** A list of sizes that an operator takes as an input. */
  sizes(name: string, values: readonly number[]): string {
    this.initializers.push({ name, dims: [values.length], dataType: INT64, int64Data: [...values] })
    return name
  }

  floats(name: string, values: readonly number[]): string {
    this.#addFloats(name, [values.length], Float32Array.from(values))
    return name
  }

  scalar(name: string, value: number): string {
    this.#addFloats(name, [], Float32Array.of(value))
    return name
  }

  #isKnown(tensor: Tensor): boolean {
    return this.#data.has(tensor) || ['variable', 'constant'].includes(this.graph.origin(tensor).kind)
  }

  #dataOf(tensor: Tensor): Float32Array {
    const origin = this.graph.origin(tensor)
    if (origin.kind === 'variable') return this.variables.get(origin.name)!
    return origin.kind === 'constant' ? origin.data : this.#data.get(tensor)!
  }

  #addFloats(name: string, dims: readonly number[], data: Float32Array): void {
    const rawData = new Uint8Array(data.slice().buffer)
    this.initializers.push({ name, dims: [...dims], dataType: FLOAT, rawData })
  }
}

/** `data` of this shape with its axes in another order. */
function transposed(data: Float32Array, shape: readonly number[], axes: readonly number[]): Float32Array {
  const strides = shape.map((_, axis) => product(shape.slice(axis + 1)))
  const [target, steps] = [permuted(shape, axes), permuted(strides, axes)]
  return data.map((_, i) => {
    let [rest, from] = [i, 0]
    for (let axis = target.length - 1; axis >= 0; axis--) {
      from += (rest % target[axis]!) * steps[axis]!
      rest = Math.floor(rest / target[axis]!)
    }
    return data[from]!
  })
}

type Write = (writer: Writer, node: Node, name: string) => string

/** Operators of one output whose inputs and attributes stay as they are. */
const plain =
  (op: string, attributes: (attrs: never) => Attributes = () => []): Write =>
  (writer, { inputs, attrs }, name) =>
    writer.node(
      op,
      inputs.map((tensor) => writer.value(tensor)),
      name,
      attributes(attrs as never),
    )

const window = ({ padding }: { padding: Conv2dAttrs['padding'] }) =>
  padding === 'same' ? [text('auto_pad', 'SAME_UPPER')] : [ints('pads', padding)]

const conv2d: Write = (writer, { inputs, attrs }, name) => {
  const { stride, dilation, groups, activation, min, max, ...rest } = attrs as Conv2dAttrs & {
    min?: number
    max?: number
  }
  if (inputs.length > 3) throw new Error(`${name}: convolutions with a residual are not written as ONNX`)
  const operands = [
    writer.value(inputs[0]!),
    writer.weight(inputs[1]!),
    ...inputs.slice(2).map((b) => writer.value(b)),
  ]
  const attributes = [
    ints('strides', stride),
    ints('dilations', dilation),
    int('group', groups),
    ...window(rest),
  ]
  const y = writer.node('Conv', operands, activation === 'none' ? name : `${name}_conv`, attributes)
  if (activation === 'none') return y
  if (activation === 'relu') return writer.node('Relu', [y], name)
  if (activation !== 'clip') throw new Error(`${name}: the activation ${activation} is not written as ONNX`)
  const limits = [writer.scalar(`${name}_min`, min!), writer.scalar(`${name}_max`, max!)]
  return writer.node('Clip', [y, ...limits], name)
}

const view: Write = (writer, { inputs, outputs }, name) => {
  const [from, to] = [writer.value(inputs[0]!), writer.shape(outputs[0]!)]
  const source = isImage(writer.shape(inputs[0]!))
    ? writer.node('Transpose', [from], `${name}_nhwc`, [ints('perm', THERE!)])
    : from
  const reshaped = writer.node('Reshape', [source, writer.sizes(`${name}_shape`, to)], `${name}_reshaped`)
  return isImage(to) ? writer.node('Transpose', [reshaped], name, [ints('perm', HERE!)]) : reshaped
}

const addRows: Write = (writer, node, name) => {
  const { activation } = node.attrs as { activation: string }
  const sum = plain('Add')(writer, node, `${name}_sum`)
  return activation === 'relu' ? writer.node('Relu', [sum], name) : sum
}

const upsample: Write = (writer, { inputs, attrs }, name) => {
  const { factor } = attrs as { factor: number }
  const scales = writer.floats(`${name}_scales`, [1, 1, factor, factor])
  return writer.node('Resize', [writer.value(inputs[0]!), '', scales], name, [
    ...[text('mode', 'nearest'), text('nearest_mode', 'floor')],
    text('coordinate_transformation_mode', 'asymmetric'),
  ])
}

type Pool = { kind: string; kernel: number[]; stride: number[]; padding: number[]; countIncludePad: boolean }

const OPERATORS: Readonly<Record<string, Write>> = {
  ...{ conv2d, view, addRows, upsample },
  relu: plain('Relu'),
  softmax: plain('Softmax', () => [int('axis', 1)]), // of the channels
  batchNorm: plain('BatchNormalization', ({ epsilon }: { epsilon: number }) => [float('epsilon', epsilon)]),
  concat: plain('Concat', ({ axis }: { axis: number }) => [int('axis', HERE!.indexOf(axis))]),
  pool2d: (writer, node, name) => {
    const { kind, kernel, stride, padding, countIncludePad } = node.attrs as Pool
    const attributes = [ints('kernel_shape', kernel), ints('strides', stride), ints('pads', padding)]
    const counting = kind === 'average' ? [int('count_include_pad', Number(countIncludePad))] : []
    return plain(kind === 'average' ? 'AveragePool' : 'MaxPool', () => [...attributes, ...counting])(
      writer,
      node,
      name,
    )
  },
  reduce: (writer, node, name) => {
    const { kind, axes, keepDims } = node.attrs as { kind: string; axes: number[]; keepDims: boolean }
    if (kind !== 'mean' || String(axes) !== '1,2' || !keepDims)
      throw new Error(`${name}: only means of whole images are written as ONNX`)
    return plain('GlobalAveragePool')(writer, node, name)
  },
  binary: (writer, node, name) => {
    const { kind } = node.attrs as { kind: string }
    const op = { add: 'Add', sub: 'Sub', mul: 'Mul', div: 'Div' }[kind]
    if (!op) throw new Error(`${name}: ${kind} is not written as ONNX`)
    return plain(op)(writer, node, name)
  },
  transpose: plain('Transpose', ({ perm }: { perm: number[] }) => [
    ints(
      'perm',
      HERE!.map((axis) => HERE!.indexOf(perm[axis]!)),
    ),
  ]),
}
