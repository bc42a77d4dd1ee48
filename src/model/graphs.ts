import { adamStep, partsOf, type Stretch } from '../autograd/adam.ts'
import { packTensors } from '../autograd/arena.ts'
import { backward } from '../autograd/backward.ts'
import { lossScale, scalingStep } from '../autograd/scaling.ts'
import { Graph } from '../graph/graph.ts'
import { conv2dDefaults } from '../kernels/conv/conv2d.ts'
import { elems, type Tensor } from '../kernels/op.ts'
import type { Size } from '../rect.ts'
import { type Arena, usedInBlocks } from './arena.ts'
import type { Bins } from './bins.ts'
import { evened } from './evened.ts'
import { type AddedLosses, type Loss, lossOf, meanOverBins, type Rarity } from './losses.ts'
import type { ImageSize, Network, Painting } from './network.ts'
import { spreadTold } from './told.ts'

export interface TrainingGraphOptions extends AddedLosses {
  readonly inspect?: boolean
  readonly average?: boolean
  readonly loss?: Loss
  /** For the loss `rarity` and the head `bins`. */
  readonly rarity?: Rarity | undefined
  /** The batch is a part of the step's: its gradients go into a mean, and `updateGraph` takes the step. */
  readonly accumulate?: boolean
  /** Scales the gradients, for a plan that stores them as float16: variable `loss.scaling`, see `autograd/scaling.ts`. */
  readonly scaled?: boolean
  /** The learning rate of a fine-tuned trunk as a share of that of the other layers. */
  readonly fineTuneRate?: number | undefined
}

const FINE_TUNE_RATE = 0.1

/**
 * One training step as a graph: forward, loss (by default the mean squared error over a* and b* in ab units), gradients, Adam,
 * running statistics. Inputs those of the network, `ab` [N,H,W,2] and `adam.hyper`; outputs `loss` [1] and, with `inspect`, `ab`
 * and the flat `gradients` (times the scale, with `scaled`); variables `parameters`, `statistics`, `adam.m`, `adam.v`. With `average` also a running
 * average of the weights: input `average.rate` [1], variable `average`. With `accumulate` there is no Adam: the gradients of
 * part k of a step's batch go into the variable `gradients` by the input `accumulate.rate` [1], 1 ⁄ k.
 */
export function trainingGraph(network: Network, size: ImageSize, options: TrainingGraphOptions = {}): Graph {
  const {
    inspect = false,
    loss: kind = 'squared',
    accumulate = false,
    rarity,
    perceptual,
    meanHuber,
  } = options
  const graph = new Graph()
  const { layout, colourStride, trunk } = network
  const painting = network.build(graph, size, 'train')
  const target = graph.input('ab', [size.batch, size.height, size.width, 2])
  const lossOptions = { loss: kind, rarity, colourStride, perceptual, meanHuber, trunk }
  const loss = graph.scope('loss', () => lossOf(graph, painting, target, lossOptions))
  const gradients = packed(
    graph,
    'gradients',
    layout.parameters,
    gradientsOf(graph, loss, painting.parameters, options.scaled ? lossScale(graph) : undefined),
  )
  graph.output('loss', loss)
  if (inspect) {
    graph.output('ab', painting.ab)
    graph.output('gradients', gradients)
  }
  updateStatistics(graph, network, painting.batchStatistics)
  if (accumulate) runningMean(graph, 'gradients', [gradients], 'accumulate.rate')
  else update(graph, network, gradients, options)
  return graph
}

/** The rest of a step whose gradients lie in the variable `gradients`: Adam, and with `average` the average of the weights. */
export function updateGraph(
  network: Network,
  options: Pick<TrainingGraphOptions, 'average' | 'scaled' | 'fineTuneRate'> = {},
): Graph {
  const graph = new Graph()
  update(graph, network, graph.variable('gradients', [network.layout.parameters.length]), options)
  return graph
}

function update(
  graph: Graph,
  network: Network,
  gradients: Tensor,
  { average = false, scaled = false, fineTuneRate = FINE_TUNE_RATE }: TrainingGraphOptions,
): void {
  const arena = network.layout.parameters
  const parameters = graph.variable('parameters', [arena.length])
  const factor = scaled ? scalingStep(graph, gradients, usedInBlocks(arena)) : undefined
  const stretches = stretchesOf(network, fineTuneRate)
  const updated = adamStep(graph, parameters, gradients, { factor, stretches })
  if (average) runningMean(graph, 'average', updated, 'average.rate', stretches)
}

/** What of the parameters learns how fast. */
function stretchesOf({ layout: { parameters }, fineTunedFrom }: Network, fineTuneRate: number): Stretch[] {
  const { length } = parameters
  if (fineTunedFrom === undefined) return [{ offset: 0, length, rate: 1 }]
  return [
    { offset: 0, length: fineTunedFrom, rate: 1 },
    { offset: fineTunedFrom, length: length - fineTunedFrom, rate: fineTuneRate },
  ]
}

/** Moves the variable `name` towards values, that of each of its stretches, as far as the input `rate` says. */
function runningMean(
  graph: Graph,
  name: string,
  values: readonly Tensor[],
  rate: string,
  stretches: readonly Stretch[] = [],
): void {
  const length = values.reduce((sum, value) => sum + elems(graph.spec(value)), 0)
  graph.scope(name, () => {
    const share = graph.input(rate, [1])
    const parts = partsOf(graph, graph.variable(name, [length]), stretches)
    for (const [i, value] of values.entries()) graph.op('lerp', [parts[i]!, value, share], {})
  })
}

/**
 * The network with running statistics. Inputs those of the network; output `ab` in ab units and, if they are asked for
 * and there are any, `logits`, see `Painting`.
 */
export function inferenceGraph(
  network: Network,
  size: ImageSize,
  { logits = false, ...finish }: Finish & { readonly logits?: boolean } = {},
): Graph {
  const graph = new Graph()
  const painting = network.build(graph, size, 'infer')
  graph.output('ab', finished(graph, painting, network.bins, finish))
  if (logits && painting.logits !== null) graph.output('logits', painting.logits)
  return graph
}

/**
 * The network alone, whose probabilities of colours are changed before their mean is taken: they are those of
 * logits ⁄ temperature + lean · colour + prior. Inputs those of the network, `lean` [1,h,w,2] in 1 ⁄ ab units, of as many places
 * as the logits have, and `prior` [bins]. Outputs `ab` [1,h,w,2] and `shares` [1,1,1,bins], the mean of the probabilities.
 * @param options `temperature` is the network's own by default
 */
export function leaningGraph(
  network: Network,
  bins: Bins,
  size: ImageSize,
  { temperature, ...finish }: Finish & { readonly temperature?: number | undefined } = {},
): Graph {
  const graph = new Graph()
  const painting = network.build(graph, size, 'infer')
  const logits = painting.logits!
  const [, rows, columns] = graph.shape(logits) as [number, number, number, number]
  return graph.scope('lean', () => {
    const factor = 1 / (temperature ?? painting.temperature)
    const scaled = graph.op('scale', [logits], { factor })
    const lean = graph.input('lean', [1, rows, columns, 2])
    const prior = graph.input('prior', [bins.count])
    const axes = [0, 1].flatMap((axis) =>
      Array.from({ length: bins.count }, (_, i) => bins.centres[2 * i + axis]!),
    )
    const colours = graph.constant(Float32Array.from(axes), [1, 1, 2, bins.count])
    const changed = graph.op('conv2d', [lean, colours, prior, scaled], conv2dDefaults)
    const shares = graph.op('softmax', [changed], {})
    const ab = meanOverBins(graph, shares, bins.centres)
    graph.output('ab', finished(graph, { ...painting, ab, shares }, bins, finish))
    graph.output('shares', meanOverPlaces(graph, shares))
    return graph
  })
}

/** What is done with a network's colours before they are enlarged. */
export interface Finish {
  /** Whether blotches are evened out, see `evened`. */
  readonly even?: boolean
  /** Whether hints go on to what is alike, see `spreadTold`. */
  readonly spread?: boolean
}

function finished(graph: Graph, painting: Painting, bins: Bins | null, { even, spread }: Finish): Tensor {
  const ab = even && bins ? evened(graph, painting, bins) : painting.ab
  return spread ? spreadTold(graph, ab, painting) : ab
}

/** How much of a picture has each colour: input `ab` [1,h,w,2], output `shares` [1,1,1,bins]. */
export function sharesGraph({ centres, step, count }: Bins, { width, height }: Size): Graph {
  const graph = new Graph()
  const colours = graph.op(
    'encodeBins',
    [graph.input('ab', [1, height, width, 2]), graph.constant(centres, [count, 2])],
    { step },
  )
  graph.output('shares', meanOverPlaces(graph, colours))
  return graph
}

const meanOverPlaces = (graph: Graph, x: Tensor) =>
  graph.op('reduce', [x], { kind: 'mean', axes: [1, 2], keepDims: true })

function gradientsOf(
  graph: Graph,
  loss: Tensor,
  parameters: ReadonlyMap<string, Tensor>,
  scale: Tensor | undefined,
): Map<string, Tensor> {
  const gradients = backward(graph, loss, [...parameters.values()], scale)
  return new Map([...parameters.keys()].map((name, i) => [name, gradients[i]!]))
}

/** Lets the tensors be computed straight into one flat array, laid out like `arena`. */
function packed(graph: Graph, label: string, arena: Arena, tensors: ReadonlyMap<string, Tensor>): Tensor {
  const inputs = arena.tensors.map(({ name }) => tensors.get(name)!)
  return graph.scope(label, () => packTensors(graph, arena, inputs))
}

function updateStatistics(
  graph: Graph,
  { layout: { statistics }, statisticsRate }: Network,
  batch: ReadonlyMap<string, Tensor>,
): void {
  if (statistics.length === 0) return
  const state = graph.variable('statistics', [statistics.length])
  const seen = packed(graph, 'statistics', statistics, batch)
  const rate = graph.constant(Float32Array.of(statisticsRate), [1])
  graph.scope('statistics', () => graph.op('lerp', [state, seen, rate], {}))
}
