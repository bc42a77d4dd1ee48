import {
  type Checkpoint,
  courseSchema,
  decodeBatch,
  encodeCheckpoint,
  NETWORKS,
  type Network,
  parseCheckpoint,
  type TrainingSettings,
  type TrainingSource,
  type TrainOptions,
  train,
  trainingSchema,
  trainingSource,
  USUAL,
} from 'webgpu-colorizer/train'

/** What a program that trains may use: nothing of it is run. */
export async function all(
  gpu: TrainOptions['gpu'],
  source: TrainingSource,
  network: Network,
): Promise<Checkpoint> {
  const settings: TrainingSettings = { ...USUAL, batch: 4, size: 64, classVectors: [], data: 'mine' }
  const store = { saveCheckpoint: async () => {}, saveBest: async () => {} }
  const course = { epochs: 1, steps: 10, validateEvery: 10 }
  const { checkpoint } = await train({ gpu, network, source, settings, course, store })
  for (const part of encodeCheckpoint('mine', checkpoint)) console.log(part.length)
  return checkpoint
}

export const others = { courseSchema, decodeBatch, NETWORKS, parseCheckpoint, trainingSchema, trainingSource }
