/**
 * Networks that give probabilities of colours know more than their mean. Here the probabilities are moved before the mean is
 * taken: to be more or less decided, towards the colours of another photograph, or by chance, to one of several plausible
 * versions. Where the network is sure, none of it changes much.
 */
import { srgbToLab } from '../color/lab.ts'
import type { Photo } from '../color/photo.ts'
import type { Gpu } from '../device/gpu.ts'
import { UserError } from '../errors.ts'
import { compile } from '../graph/compile.ts'
import { Executor, Variables } from '../graph/execute.ts'
import type { Bins } from '../model/bins.ts'
import { sharesGraph } from '../model/graphs.ts'
import type { Network } from '../model/network.ts'
import { STREAM, uniform4 } from '../random.ts'
import type { Size } from '../rect.ts'

/** How the probabilities are moved. */
export interface Leaning {
  /** Below 1 the likelier colours count more, above 1 the less likely ones; as the network has it by default. */
  readonly temperature?: number | undefined
  /** How much of the picture is to have each of the network's colours, as `coloursOf` gives it of another photograph. */
  readonly palette?: Float32Array | undefined
  /** The version of this number among those of a seed. */
  readonly variant?: { readonly seed: number; readonly number: number } | undefined
}

export const leans = ({ temperature, palette, variant }: Leaning): boolean =>
  temperature !== undefined || palette !== undefined || variant !== undefined

/**
 * The colours that a network chooses from. Throws a UserError about weights where it gives no probabilities of any.
 * @param weights what errors call the network's weights
 */
export function expectBins(weights: string, { bins }: Pick<Network, 'bins'>): Bins {
  if (bins) return bins
  throw new UserError(`${weights} give one colour for each place, and no probabilities of others`, 'weights')
}

/** Of which share of the picture a colour counts as its own; of less the palettes say little. */
const SMALL_SHARE = 1e-3
/** The most by which a palette changes what is likely, as a logarithm. */
const MOST_PRIOR = 4

/** What is added to the logits so that the shares `found` in a picture become more like those of a palette. */
export function priorTowards(palette: Float32Array, found: Float32Array): Float32Array {
  return palette.map((share, i) => {
    const ratio = Math.log((share + SMALL_SHARE) / (found[i]! + SMALL_SHARE))
    return Math.min(MOST_PRIOR, Math.max(-MOST_PRIOR, ratio))
  })
}

/**
 * What a plan of `leaningGraph` adds to the logits of each place and of each colour, where there is no palette.
 * @param size of the places
 */
export const leanInputs = (
  bins: Bins,
  size: Size,
  { variant }: Pick<Leaning, 'variant'>,
): { lean: Float32Array; prior: Float32Array } => ({
  lean: variant
    ? drawnLean(size, variant.seed, variant.number)
    : new Float32Array(2 * size.width * size.height),
  prior: new Float32Array(bins.count),
})

/** Places along the shorter side at which a version leans to colours of their own. */
const KNOTS = 3
/**
 * Standard deviation along a* and b*, in 1 ⁄ ab units, for the whole picture and for its places: colours 50 apart become about
 * e^(50 · 0.025) = 3.5 times as likely. With more than that, blotches tell how it was done.
 */
const LEANS = { whole: 0.025, places: 0.015 }

/** To which colours a version leans, [height, width, 2]: smoothly drawn, so that what belongs together stays together. */
export function drawnLean({ width, height }: Size, seed: number, number: number): Float32Array {
  const knots = (side: number) => Math.max(2, Math.round((KNOTS * side) / Math.min(width, height)))
  const [columns, rows] = [knots(width), knots(height)]
  const drawn = Array.from({ length: rows * columns }, (_, i) => gaussianPair(seed, i, number))
  const whole = gaussianPair(seed, drawn.length, number)
  const lean = new Float32Array(2 * width * height)
  for (let y = 0; y < height; y++) {
    const [top, down] = between(y, height, rows)
    for (let x = 0; x < width; x++) {
      const [left, right] = between(x, width, columns)
      for (const axis of [0, 1] as const) {
        const at = (row: number, column: number) => drawn[row * columns + column]![axis]
        const above = at(top, left) * (1 - right) + at(top, left + 1) * right
        const below = at(top + 1, left) * (1 - right) + at(top + 1, left + 1) * right
        lean[2 * (y * width + x) + axis] =
          LEANS.whole * whole[axis] + LEANS.places * (above * (1 - down) + below * down)
      }
    }
  }
  return lean
}

/** The knot before place `at` of `length`, and how far behind it the place is, smoothed at the knots. */
function between(at: number, length: number, knots: number): [knot: number, share: number] {
  const place = ((at + 0.5) / length) * (knots - 1)
  const knot = Math.min(knots - 2, Math.floor(place))
  const share = place - knot
  return [knot, share * share * (3 - 2 * share)]
}

/** Two numbers of a normal distribution (Box and Muller). */
function gaussianPair(seed: number, place: number, number: number): readonly [number, number] {
  const [u, v] = uniform4(seed, STREAM.variants, place, number)
  const radius = Math.sqrt(-2 * Math.log(1 - u))
  return [radius * Math.cos(2 * Math.PI * v), radius * Math.sin(2 * Math.PI * v)]
}

/** How much of a photograph has each of a network's colours, [bins]. */
export async function coloursOf(gpu: Gpu, bins: Bins, photo: Photo): Promise<Float32Array> {
  const graph = sharesGraph(bins, photo)
  const plan = compile(graph, gpu.device.limits.maxStorageBufferBindingSize, gpu.traits)
  const executor = await Executor.create(gpu, plan, new Variables(gpu))
  try {
    executor.upload('ab', srgbToLab(photo.rgb).ab)
    const [shares] = await executor.run(['shares'])
    return shares!
  } finally {
    executor.destroy()
  }
}
