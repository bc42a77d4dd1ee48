/** The ways to bring a network's colours to the size of a photograph. */
import type { SmallAb } from '../src/color/guided.ts'
import { lightness } from '../src/color/lab.ts'
import { type Photo, photoLightness } from '../src/color/photo.ts'
import { centresAmong, upsampleAb } from '../src/color/resample.ts'
import type { Gpu } from '../src/device/gpu.ts'
import { Graph } from '../src/graph/graph.ts'
import { CellLightness } from '../src/infer/cell-lightness.ts'
import { Enlargement } from '../src/infer/enlargement.ts'
import { executorOf } from '../src/infer/executor.ts'
import { smoothColours } from '../src/infer/smoothing.ts'

/** Colours at full size, [height, width, 2]. */
export type Way = (gpu: Gpu, photo: Photo, small: SmallAb) => Promise<Float32Array> | Float32Array

/** Kopf et al. use windows of 5 × 5 cells; σ in cells and in L*. Not tuned. */
export const BILATERAL = { radius: 2, space: 1, range: 8 }

export const WAYS = {
  bilinear: (_, photo, small) => {
    const { ab, width, height } = small
    return upsampleAb({ ab, stride: width, content: { x: 0, y: 0, width, height } }, photo)
  },
  guided,
  bilateral,
  // Levin's, and guided from there on where the photograph is larger
  smooth: async (gpu, photo, small) => guided(gpu, photo, await smoothColours(gpu, photo, small)),
} satisfies Record<string, Way>

async function guided(gpu: Gpu, photo: Photo, small: SmallAb): Promise<Float32Array> {
  const enlargement = await Enlargement.create(gpu, photo, small)
  const ab = new Float32Array(2 * photo.width * photo.height)
  try {
    for await (const { first, colours } of enlargement.run(photoLightness(photo), small.ab))
      ab.set(colours, 2 * photo.width * first)
    return ab
  } finally {
    enlargement.destroy()
  }
}

/** The whole photograph at once. */
async function bilateral(gpu: Gpu, photo: Photo, small: SmallAb): Promise<Float32Array> {
  const means = await CellLightness.create(gpu, photo, small)
  const executor = await executorOf(gpu, bilateralGraph(photo, small))
  try {
    executor.upload('guide', await means.of(photoLightness(photo)))
    executor.upload('ab', small.ab)
    executor.upload('L', lightness(photo.rgb))
    const [ab] = await executor.run(['y'])
    return ab!
  } finally {
    means.destroy()
    executor.destroy()
  }
}

function bilateralGraph({ width, height }: Photo, small: SmallAb): Graph {
  const graph = new Graph()
  const ab = graph.input('ab', [1, small.height, small.width, 2])
  const guide = graph.input('guide', [1, small.height, small.width, 1])
  const L = graph.input('L', [1, height, width, 1])
  const rows = graph.constant(Float32Array.from(centresAmong(small.height, height)), [height])
  const columns = graph.constant(Float32Array.from(centresAmong(small.width, width)), [width])
  graph.output('y', graph.op('jointBilateral', [ab, guide, L, rows, columns], BILATERAL))
  return graph
}
