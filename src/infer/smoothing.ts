/**
 * Colours along the lightness by `optimization.ts`: of a network, or from a few that are told. They are found at about a
 * megapixel at most, and then enlarged as a network's colours are.
 */

import type { SmallAb } from '../color/guided.ts'
import { GRAY } from '../color/paint.ts'
import { type Photo, photoLightness } from '../color/photo.ts'
import type { Gpu } from '../device/gpu.ts'
import { Graph } from '../graph/graph.ts'
import { cellEdges } from '../kernels/enlarge/cellMeans.ts'
import type { Size } from '../rect.ts'
import { CellLightness } from './cell-lightness.ts'
import { executorOf } from './executor.ts'
import { cellsAround, type ToldColour } from './hints.ts'
import { solveColours } from './optimization.ts'

const MAX_PIXELS = 2 ** 20
/** How strongly each pixel holds to the network's colour, beside its neighbours' of at most 1. */
const STRENGTH = 0.01
/** Grids whose longer side is no longer than this are solved without a coarser one. */
const COARSEST = 16

/** The network's colours, smoothed along the lightness of `photo`. */
export async function smoothColours(
  gpu: Gpu,
  photo: Photo,
  small: SmallAb,
  strength = STRENGTH,
): Promise<SmallAb> {
  const size = workingSize(photo)
  const L = await lightnessAt(gpu, photo, size)
  return (await solveColours(gpu, { ...size, L, start: small, strength })).colours
}

/**
 * Colours for a whole photograph from a few that are told, without a network. Each cell of the result where a colour is told
 * has exactly that colour, the last one where there are several; up to about a megapixel cells are pixels. Nothing told is grey.
 */
export async function coloursFromHints(
  gpu: Gpu,
  photo: Photo,
  told: readonly ToldColour[],
): Promise<SmallAb> {
  const [first] = told
  if (!first) return GRAY
  const size = workingSize(photo)
  const L = await lightnessAt(gpu, photo, size)
  let start: SmallAb = { ab: Float32Array.of(first.a, first.b), width: 1, height: 1 }
  // what changes slowly over the picture is found on coarse grids, where it is near
  for (const grid of grids(size)) {
    const means = await meansOf(gpu, L, size, grid)
    start = (await solveColours(gpu, { ...grid, L: means, start, strength: 0, ...fixedCells(told, grid) }))
      .colours
  }
  return start
}

/** The picture's own size, or one of its proportions and of at most about a megapixel. */
export function workingSize({ width, height }: Size): Size {
  const scale = Math.min(1, Math.sqrt(MAX_PIXELS / (width * height)))
  const side = (length: number) => Math.max(1, Math.floor(length * scale))
  return { width: side(width), height: side(height) }
}

/** From the coarsest to `size`, each about twice as fine. */
function grids(size: Size): Size[] {
  const finer = [size]
  for (let { width, height } = size; Math.max(width, height) > COARSEST; ) {
    ;[width, height] = [Math.ceil(width / 2), Math.ceil(height / 2)]
    finer.unshift({ width, height })
  }
  return finer
}

async function lightnessAt(gpu: Gpu, photo: Photo, size: Size): Promise<Float32Array> {
  const means = await CellLightness.create(gpu, photo, size)
  try {
    return await means.of(photoLightness(photo))
  } finally {
    means.destroy()
  }
}

/** Means of `L` [height, width] of a size over the cells of a grid. */
async function meansOf(
  gpu: Gpu,
  L: Float32Array,
  { width, height }: Size,
  grid: Size,
): Promise<Float32Array> {
  const graph = new Graph()
  const image = graph.input('L', [1, height, width, 1])
  const rows = graph.constant(cellEdges(grid.height, height), [grid.height + 1])
  const columns = graph.constant(cellEdges(grid.width, width), [grid.width + 1])
  graph.output('means', graph.op('cellMeans', [image, rows, columns], {}))
  const executor = await executorOf(gpu, graph)
  try {
    executor.upload('L', L)
    const [means] = await executor.run(['means'])
    return means!
  } finally {
    executor.destroy()
  }
}

/** Where colours are told on a grid, and which. */
function fixedCells(told: readonly ToldColour[], { width, height }: Size) {
  const free = new Float32Array(width * height).fill(1)
  const known = new Float32Array(2 * width * height)
  for (const { x, y, a, b, radius = 0 } of told) {
    const reach = Math.floor(radius * Math.min(width, height))
    const around = (place: number, count: number) =>
      cellsAround(Math.min(count - 1, Math.floor(place * count)), reach, count)
    const [[top, bottom], [left, right]] = [around(y, height), around(x, width)]
    for (let row = top; row < bottom; row++) {
      free.fill(0, row * width + left, row * width + right)
      for (let column = left; column < right; column++) known.set([a, b], 2 * (row * width + column))
    }
  }
  return { free, known }
}
