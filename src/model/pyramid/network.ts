import type { Graph } from '../../graph/graph.ts'
import { conv2dDefaults } from '../../kernels/conv/conv2d.ts'
import type { Tensor } from '../../kernels/op.ts'
import type { Layout } from '../arena.ts'
import { FINE_BINS } from '../bins.ts'
import { type GraphWeights, graphWeights, normalize } from '../graph-weights.ts'
import { averaged, meanOverBins } from '../losses.ts'
import type { ImageSize, Painting } from '../network.ts'
import { type AddTaps, TAP_STRIDES } from '../trunk.ts'
import type { Architecture, Block, Layers } from './layers.ts'
import { GLOBAL_MAPS, HEAD } from './layout.ts'

/** One minus batch norm's momentum on the old value. */
export const STATISTICS_RATE = 0.02

/** ab units for an output of 1 of the head `ab`, so that the last layer's weights are of the size of the others. */
const AB_SCALE = 50

/** All that decides what the network is. */
export interface Blueprint {
  readonly architecture: Architecture
  readonly addTaps: AddTaps
  readonly layers: Layers
  readonly layout: Layout
}

/**
 * Adds the network to a graph: inputs `L`, `gray`, `features` and, where the architecture says so, `hints`. It paints at
 * stride 4.
 */
export function buildPyramid(
  graph: Graph,
  blueprint: Blueprint,
  size: ImageSize,
  mode: 'train' | 'infer',
): Painting {
  return new Builder(graph, blueprint, size, mode).build()
}

/** Tensors at strides 4, 8, 16 and 32. */
type Levels = readonly Tensor[]

class Builder {
  readonly #weights: GraphWeights
  readonly #L: Tensor

  constructor(
    private readonly graph: Graph,
    private readonly blueprint: Blueprint,
    private readonly size: ImageSize,
    mode: 'train' | 'infer',
  ) {
    const { batch, height, width } = size
    this.#weights = graphWeights(graph, blueprint.layout, mode)
    this.#L = graph.input('L', [batch, height, width, 1])
  }

  build(): Painting {
    const taps = this.#taps()
    const cellLightness = averaged(this.graph, this.#L, TAP_STRIDES[0])
    const hints = this.blueprint.architecture.hints ? this.#hints() : null
    const told = hints && this.#told(hints, cellLightness)
    const decoded = this.#decode(this.#fuse(taps[3]!), taps, told)
    const { parameters, batchStatistics } = this.#weights
    return { ...this.#paint(decoded), hints, cellLightness, parameters, batchStatistics }
  }

  /** What the trunk sees, with as many cells as the picture has. */
  #taps(): Levels {
    const { height, width } = this.size
    return this.blueprint
      .addTaps(this.graph, this.size, this.#weights.parameters)
      .map((tap, i) => bordered(this.graph, tap, height / TAP_STRIDES[i]!, width / TAP_STRIDES[i]!))
  }

  #hints(): Tensor {
    const { batch, height, width } = this.size
    const [stride] = TAP_STRIDES
    return this.graph.input('hints', [batch, height / stride, width / stride, 3])
  }

  /** What a person has told, from stride to stride further away from where it was told. */
  #told(hints: Tensor, L: Tensor): Levels {
    let x = this.#join(hints, L)
    return this.blueprint.layers.hints.map((block) => {
      x = this.#run(x, block)
      return x
    })
  }

  /** relu(what the trunk sees in a cell + what it sees on average + what the classifier says of the picture). */
  #fuse(tap: Tensor): Tensor {
    const { graph, blueprint } = this
    const { fusion } = blueprint.layers
    return graph.scope(fusion.name, () => {
      const here = this.#normalized(tap, fusion)
      const mean = graph.op('reduce', [tap], { kind: 'mean', axes: [1, 2], keepDims: true })
      const features = graph.input('features', [this.size.batch, 1, 1, blueprint.architecture.classes])
      // squared, what the classifier is unsure of hardly counts
      const squares = graph.op('binary', [features, features], { kind: 'mul' })
      const maps = [this.#linear(mean, GLOBAL_MAPS.mean), this.#linear(squares, GLOBAL_MAPS.classes)]
      const everywhere = graph.op('binary', maps, { kind: 'add' })
      return graph.op('addRows', [here, everywhere], { activation: 'relu' })
    })
  }

  /** From stride 32 to stride 4, joined at each stride with what is seen and told there. */
  #decode(fused: Tensor, taps: Levels, hints: Levels | null): Tensor {
    const { laterals, decoder } = this.blueprint.layers
    const toldAt = (level: number) => (hints ? [hints[level]!] : [])
    let x = this.#join(fused, ...toldAt(3))
    for (const level of [2, 1, 0]) {
      const below = this.graph.op('upsample', [x], { factor: 2 })
      const seen = this.#run(taps[level]!, laterals[level]!)
      const lightness = level === 0 ? [this.#quarters()] : []
      x = this.#run(this.#join(below, seen, ...toldAt(level), ...lightness), decoder[2 - level]!)
    }
    return this.#run(x, decoder[3]!)
  }

  /** Mean lightness of the four quarters of each cell at stride 4, [N,H/4,W/4,4]. */
  #quarters(): Tensor {
    const { graph } = this
    const { batch, height, width } = this.size
    const [rows, columns] = [height / 4, width / 4]
    return graph.scope('lightness', () => {
      const halved = averaged(graph, this.#L, 2)
      const apart = graph.op('view', [halved], { offset: 0, shape: [batch * rows, 2, columns, 2] })
      const cells = graph.op('transpose', [apart], { perm: [0, 2, 1, 3] })
      return graph.op('view', [cells], { offset: 0, shape: [batch, rows, columns, 4] })
    })
  }

  #paint(x: Tensor): Pick<Painting, 'ab' | 'logits' | 'shares' | 'temperature'> {
    const { graph, blueprint } = this
    return graph.scope('head', () => {
      const raw = this.#linear(x, HEAD.weight, this.#weights.parameters.get(HEAD.bias)!)
      if (blueprint.architecture.head === 'ab') {
        const ab = graph.op('scale', [raw], { factor: AB_SCALE })
        return { ab, logits: null, shares: null, temperature: 1 }
      }
      const shares = graph.op('softmax', [raw], {})
      return { ab: meanOverBins(graph, shares, FINE_BINS.centres), logits: raw, shares, temperature: 1 }
    })
  }

  #run(x: Tensor, block: Block): Tensor {
    return this.graph.scope(block.name, () => this.graph.op('relu', [this.#normalized(x, block)], {}))
  }

  /** The block without its ReLU. */
  #normalized(x: Tensor, { name, stride }: Block): Tensor {
    const weight = this.#weights.parameters.get(`${name}.weight`)!
    const y = this.graph.op('conv2d', [x, weight], { ...conv2dDefaults, stride: [stride, stride] })
    return normalize(this.#weights, y, name)
  }

  #linear(x: Tensor, weight: string, ...bias: Tensor[]): Tensor {
    return this.graph.op('conv2d', [x, this.#weights.parameters.get(weight)!, ...bias], conv2dDefaults)
  }

  #join(...parts: Tensor[]): Tensor {
    return parts.length === 1 ? parts[0]! : this.graph.op('concat', parts, { axis: 3 })
  }
}

/**
 * Layers without padding leave out as many cells at one side as at the other. Those that are left keep their place, and
 * the outermost are repeated, up to [N,rows,columns,C]; where the difference is odd, two neighbours make a cell.
 */
function bordered(graph: Graph, tap: Tensor, rows: number, columns: number): Tensor {
  const [, h, w] = graph.shape(tap) as [number, number, number, number]
  if (h === rows && w === columns) return tap
  // what lies outside counts as the border
  const positions = (from: number, to: number) =>
    graph.constant(
      Float32Array.from({ length: to }, (_, i) => i - (to - from) / 2),
      [to],
    )
  return graph.op('resize', [tap, positions(h, rows), positions(w, columns)], { mode: 'linear' })
}
