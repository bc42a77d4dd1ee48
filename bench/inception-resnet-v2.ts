/**
 * Inception-ResNet-v2 (Szegedy et al. 2016, figures 3 and 15 to 19; their order of layers and widths as timm has
 * them) as an ONNX model with random weights: for measuring speed, which does not depend on them. Batch norms are
 * folded into the convolutions, as in the files that timm exports.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import proto from 'onnx-proto'
import { product } from '../src/numbers.ts'

const { onnx } = proto
const { FLOAT } = onnx.TensorProto.DataType
const { AttributeType } = onnx.AttributeProto

const OPSET = 16
const IR_VERSION = 8
const CLASSES = 1000
const SEED = 1
const SIZE = 299

const BIAS_LIMIT = 0.01
/** The variance 2 / inputs keeps that of the signal through a ReLU (He et al. 2015, equation 10). */
const heLimit = (inputs: number) => Math.sqrt(6 / inputs)

/** An image that the network computes. */
interface Value {
  readonly name: string
  readonly channels: number
}

type Layer = (x: Value) => Value
/** Height and width. */
type Pair = readonly [number, number]

class Builder {
  readonly nodes: proto.onnx.INodeProto[] = []
  readonly initializers: proto.onnx.ITensorProto[] = []
  #state: number

  /** @param seed not zero */
  constructor(seed: number) {
    this.#state = seed | 0
  }

  node(op: string, inputs: readonly string[], attribute: proto.onnx.IAttributeProto[] = []): string {
    const name = `${op}_${this.nodes.length}`
    this.nodes.push({ name, opType: op, input: [...inputs], output: [name], attribute })
    return name
  }

  scalar(value: number): string {
    const t = { dims: [], dataType: FLOAT, floatData: [value] }
    return this.node('Constant', [], [{ name: 'value', type: AttributeType.TENSOR, t }])
  }

  /** Uniform within ±limit. */
  weights(dims: readonly number[], limit: number): string {
    const data = new Float32Array(product(dims))
    for (let i = 0; i < data.length; i++) data[i] = this.#random() * limit
    const name = `weights_${this.initializers.length}`
    const rawData = new Uint8Array(data.buffer)
    this.initializers.push({ name, dims: [...dims], dataType: FLOAT, rawData })
    return name
  }

  /** In −1…1: xorshift of 32 bits (Marsaglia 2003). There are 56 million to draw. */
  #random(): number {
    this.#state ^= this.#state << 13
    this.#state ^= this.#state >>> 17
    this.#state ^= this.#state << 5
    return this.#state / 2 ** 31
  }
}

const ints = (name: string, values: readonly number[]) => ({
  name,
  type: AttributeType.INTS,
  ints: [...values],
})

const windowOf = ([height, width]: Pair, stride: number, [top, left]: Pair) => [
  ints('kernel_shape', [height, width]),
  ints('strides', [stride, stride]),
  ints('pads', [top, left, top, left]),
]

const seq =
  (...layers: Layer[]): Layer =>
  (x) =>
    layers.reduce((y, layer) => layer(y), x)

/** The network's layers, each adding its nodes to `builder`. */
function layersFor(builder: Builder) {
  const linear =
    (channels: number, kernel: Pair = [1, 1], { stride = 1, pads = [0, 0] as Pair } = {}): Layer =>
    (x) => {
      const fanIn = x.channels * kernel[0] * kernel[1]
      const operands = [
        builder.weights([channels, x.channels, ...kernel], heLimit(fanIn)),
        builder.weights([channels], BIAS_LIMIT),
      ]
      const name = builder.node('Conv', [x.name, ...operands], windowOf(kernel, stride, pads))
      return { name, channels }
    }
  const relu: Layer = ({ name, channels }) => ({ name: builder.node('Relu', [name]), channels })
  /** 'same' padding. */
  const conv = (channels: number, height = 1, width = height): Layer =>
    seq(linear(channels, [height, width], { pads: [(height - 1) / 2, (width - 1) / 2] }), relu)
  /** No padding. */
  const valid = (channels: number, kernel: number, stride = 1): Layer =>
    seq(linear(channels, [kernel, kernel], { stride }), relu)
  const pool =
    (op: 'MaxPool' | 'AveragePool', stride: number, pad: number): Layer =>
    ({ name, channels }) => ({
      name: builder.node(op, [name], windowOf([3, 3], stride, [pad, pad])),
      channels,
    })
  const mixed =
    (...branches: Layer[]): Layer =>
    (x) => {
      const parts = branches.map((branch) => branch(x))
      const axis = { name: 'axis', type: AttributeType.INT, i: 1 }
      const name = builder.node(
        'Concat',
        parts.map((part) => part.name),
        [axis],
      )
      return { name, channels: parts.reduce((sum, { channels }) => sum + channels, 0) }
    }
  /** x + scale · conv1×1(branches), and ReLU: section 3.3's scaled residual. */
  const residual =
    (scale: number, branches: readonly Layer[], last: Layer = relu): Layer =>
    (x) => {
      const up = linear(x.channels)(mixed(...branches)(x))
      const scaled = builder.node('Mul', [up.name, builder.scalar(scale)])
      return last({ name: builder.node('Add', [x.name, scaled]), channels: x.channels })
    }
  return { conv, valid, pool, mixed, residual }
}

const repeat = (count: number, layer: Layer): Layer => seq(...Array.from({ length: count }, () => layer))

function features(builder: Builder): Layer {
  const { conv, valid, pool, mixed, residual } = layersFor(builder)
  const shrink = pool('MaxPool', 2, 0)
  const block35 = residual(0.17, [
    conv(32),
    seq(conv(32), conv(32, 3)),
    seq(conv(32), conv(48, 3), conv(64, 3)),
  ])
  const block17 = residual(0.1, [conv(192), seq(conv(128), conv(160, 1, 7), conv(192, 7, 1))])
  const branches8 = [conv(192), seq(conv(192), conv(224, 1, 3), conv(256, 3, 1))]
  return seq(
    ...[valid(32, 3, 2), valid(32, 3), conv(64, 3), shrink],
    ...[conv(80), valid(192, 3), shrink],
    mixed(
      conv(96),
      seq(conv(48), conv(64, 5)),
      seq(conv(64), conv(96, 3), conv(96, 3)),
      seq(pool('AveragePool', 1, 1), conv(64)),
    ),
    repeat(10, block35),
    mixed(valid(384, 3, 2), seq(conv(256), conv(256, 3), valid(384, 3, 2)), shrink),
    repeat(20, block17),
    mixed(
      seq(conv(256), valid(384, 3, 2)),
      seq(conv(256), valid(288, 3, 2)),
      seq(conv(256), conv(288, 3), valid(320, 3, 2)),
      shrink,
    ),
    repeat(9, residual(0.2, branches8)),
    residual(1, branches8, (x) => x),
    conv(1536),
  )
}

/** Has `use` read the model from a file, which is gone afterwards: 223 MB. */
export async function withRandomModel<T>(use: (path: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'inception-resnet-v2-'))
  try {
    const path = join(folder, 'random.onnx')
    await writeFile(path, onnx.ModelProto.encode(inceptionResnetV2(SEED)).finish())
    return await use(path)
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** The network at 299 px: input `x` [N,3,299,299], output `logits` [N,1000]. */
export function inceptionResnetV2(seed: number): proto.onnx.IModelProto {
  const builder = new Builder(seed)
  const { name, channels } = features(builder)({ name: 'x', channels: 3 })
  const pooled = builder.node('Flatten', [builder.node('GlobalAveragePool', [name])])
  const head = [
    builder.weights([CLASSES, channels], heLimit(channels)),
    builder.weights([CLASSES], BIAS_LIMIT),
  ]
  const transB = { name: 'transB', type: AttributeType.INT, i: 1 }
  builder.node('Gemm', [pooled, ...head], [transB])
  builder.nodes.at(-1)!.output = ['logits']
  return {
    irVersion: IR_VERSION,
    opsetImport: [{ domain: '', version: OPSET }],
    producerName: `webgpu-colorizer, random weights of seed ${seed}`,
    graph: {
      name: 'inception-resnet-v2',
      node: builder.nodes,
      initializer: builder.initializers,
      input: [described('x', [3, SIZE, SIZE])],
      output: [described('logits', [CLASSES])],
    },
  }
}

const described = (name: string, dims: readonly number[]): proto.onnx.IValueInfoProto => {
  const dim = [{ dimParam: 'N' }, ...dims.map((dimValue) => ({ dimValue }))]
  return { name, type: { tensorType: { elemType: FLOAT, shape: { dim } } } }
}
