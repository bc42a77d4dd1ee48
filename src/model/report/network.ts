import type { Graph } from '../../graph/graph.ts'
import { conv2dDefaults } from '../../kernels/conv/conv2d.ts'
import type { Tensor } from '../../kernels/op.ts'
import { COARSE_BINS } from '../bins.ts'
import { type GraphWeights, graphWeights, normalize } from '../graph-weights.ts'
import { meanOverBins } from '../losses.ts'
import type { ImageSize, Painting } from '../network.ts'
import { type Architecture, type ConvLayer, layersOf } from './layers.ts'
import { layoutOf } from './layout.ts'
import { convolveUpsampled } from './upsampled.ts'

/** One minus batch norm's momentum on the old value (Keras' default, which the report used). */
export const STATISTICS_RATE = 0.01

/** Half the range of a* and b* that the network can paint. */
const AB_RANGE = 128

/**
 * The head `bins` paints the mean of its bins by their probabilities at this temperature: between 1, the mean, which is pale,
 * and 0, the likeliest, which is patchy (Zhang, Isola and Efros 2016, equation 5).
 */
export const TEMPERATURE = 0.38

/**
 * Adds the network to a graph: inputs `L` [N,H,W,1] (L*⁄50 − 1) and `features` [N,1,1,classes] (class probabilities),
 * variables `parameters` and `statistics`.
 * @param mode in `train` batch norms use the batch's statistics, in `infer` the running ones
 */
export function buildColorizer(
  graph: Graph,
  architecture: Architecture,
  { batch, height, width }: ImageSize,
  mode: 'train' | 'infer',
): Painting {
  const layers = layersOf(architecture)
  const network: Unfinished = {
    ...graphWeights(graph, layoutOf(architecture), mode),
    behindUpsampling: layers.decoder.filter((_, i) => layers.decoder[i - 1]?.after.includes('upsample')),
  }

  const run = (x: Tensor, layer: ConvLayer): Tensor =>
    graph.scope(layer.name, () => {
      const y = convolve(network, x, layer, 'relu')
      // the network normalises behind the upsampling; that repeats every value equally often, so statistics, results and
      // gradients are the same before it, for a quarter of the values
      return layer.norm ? normalize(network, y, layer.norm) : y
    })

  const L = graph.input('L', [batch, height, width, 1])
  const features = classVectorSeen(graph, architecture, batch)
  const encoded = layers.encoder.reduce(run, L)
  const fused = graph.scope(layers.fusion.name, () => fuse(network, encoded, features, layers.fusion))
  const decoded = layers.decoder.slice(0, -1).reduce(run, fused)
  return graph.scope('decoder.conv5', () => {
    const raw = convolve(network, decoded, layers.decoder.at(-1)!, 'none')
    const logits = architecture.head === 'bins' ? raw : null
    const halfSize = logits === null ? coloursOf(graph, raw) : annealedMean(graph, logits)
    const ab = graph.op('upsample', [halfSize], { factor: 2 })
    const { parameters, batchStatistics } = network
    const untold = { shares: null, hints: null, cellLightness: null }
    return { ab, logits, temperature: TEMPERATURE, ...untold, parameters, batchStatistics }
  })
}

const coloursOf = (graph: Graph, raw: Tensor) =>
  graph.op('scale', [graph.op('tanh', [raw], {})], { factor: AB_RANGE })

function annealedMean(graph: Graph, logits: Tensor): Tensor {
  const sharpened = graph.op('scale', [logits], { factor: 1 / TEMPERATURE })
  return meanOverBins(graph, graph.op('softmax', [sharpened], {}), COARSE_BINS.centres)
}

/** The class vector as the fusion layer sees it. */
function classVectorSeen(graph: Graph, { classes, squaredClasses }: Architecture, batch: number): Tensor {
  const features = graph.input('features', [batch, 1, 1, classes])
  if (!squaredClasses) return features
  return graph.scope('features', () => graph.op('binary', [features, features], { kind: 'mul' }))
}

/** The network while its layers are added to the graph one by one. */
interface Unfinished extends GraphWeights {
  /** The convolutions that see an upsampled image. */
  readonly behindUpsampling: readonly ConvLayer[]
}

function convolve(
  { graph, parameters, behindUpsampling }: Unfinished,
  x: Tensor,
  layer: ConvLayer,
  activation: 'relu' | 'none',
): Tensor {
  const inputs = [x, parameters.get(`${layer.name}.weight`)!, parameters.get(`${layer.name}.bias`)!] as const
  if (behindUpsampling.includes(layer)) return convolveUpsampled(graph, inputs, { activation })
  return graph.op('conv2d', inputs, { ...conv2dDefaults, stride: [layer.stride, layer.stride], activation })
}

/**
 * The fusion layer: relu(W · [x ‖ v repeated over every pixel] + b). Splitting W into the rows that meet the image and
 * those that meet the class vector gives the same sum without ever repeating the vector: one small convolution, plus
 * one matrix-vector product a picture. `test/model.test.ts` holds it against the plain form (`tileConcat`).
 */
function fuse({ graph, parameters }: Unfinished, x: Tensor, features: Tensor, layer: ConvLayer): Tensor {
  const weight = parameters.get(`${layer.name}.weight`)!
  const channels = graph.shape(x)[3]!
  const [imageRows, classRows] = [channels, layer.inputs - channels]
  const forImage = graph.op('slice', [weight], { axis: 2, start: 0, size: imageRows })
  const forClasses = graph.op('slice', [weight], { axis: 2, start: imageRows, size: classRows })
  const bias = parameters.get(`${layer.name}.bias`)!
  const fromImage = graph.op('conv2d', [x, forImage], conv2dDefaults)
  const fromClasses = graph.op('conv2d', [features, forClasses, bias], conv2dDefaults)
  return graph.op('addRows', [fromImage, fromClasses], { activation: 'relu' })
}
