/** Ten steps with the shipped weights, the same wherever they are taken: nothing in them is decoded or scaled. */
import type { Gpu } from '../../src/device/gpu.ts'
import { parseModel } from '../../src/io/onnx/model.ts'
import { trunkOf } from '../../src/io/onnx/trunk.ts'
import { readAtOf } from '../../src/io/read-at.ts'
import { parseWeights } from '../../src/io/weights.ts'
import { networksOn } from '../../src/model/registry.ts'
import type { Batch, TrainingSource } from '../../src/train/batches.ts'
import { type TrainingSettings, USUAL } from '../../src/train/settings.ts'
import { train } from '../../src/train/train.ts'

const STEPS = 10
const SIZE = 64
const BATCH = 2

const SETTINGS: TrainingSettings = {
  ...{ ...USUAL, size: SIZE, batch: BATCH, learningRate: 1e-4, warmup: 0, classVectors: [], data: 'waves' },
}

/** Waves of light, and colours that follow it. */
const source: TrainingSource = {
  ...{ length: 8, batchesPerEpoch: 4 },
  async *batches({ position }) {
    for (let at = position; ; at += BATCH) {
      const L = Float32Array.from({ length: BATCH * SIZE * SIZE }, (_, i) =>
        Math.sin((i % SIZE) / (3 + (at % 8)) + Math.floor(i / SIZE) / 9),
      )
      const ab = Float32Array.from({ length: 2 * L.length }, (_, i) => 40 * L[i >> 1]! * (i % 2 ? 1 : -0.5))
      const batch: Batch = {
        ...{ L, ab, features: new Float32Array(BATCH * 1000) },
        ...{ epoch: 0, position: at + BATCH, lastOfEpoch: false },
      }
      yield batch
    }
  },
  async close() {},
}

/** @returns the loss of each step */
export async function takeSteps(
  gpu: Gpu,
  { weights, trunk }: { readonly weights: Uint8Array; readonly trunk: Uint8Array },
): Promise<readonly number[]> {
  const networks = networksOn(async (name) =>
    trunkOf({ ...name, model: await parseModel(trunk, { name: name.name }) }),
  )
  const { network, parameters, statistics } = await parseWeights(readAtOf(weights, 'the weights'), networks)
  const { checkpoint } = await train({
    ...{ gpu, network, source, settings: SETTINGS },
    start: { kind: 'weights', parameters, statistics },
    course: { epochs: Number.POSITIVE_INFINITY, steps: STEPS, validateEvery: 1e9 },
    store: { saveCheckpoint: async () => {}, saveBest: async () => {} },
  })
  return [...checkpoint.losses]
}
