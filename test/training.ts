/** Trainings in a folder, as short as a test wants them. */
import { mkdir } from 'node:fs/promises'
import type { Gpu } from '../src/device/gpu.ts'
import { storeIn } from '../src/node/store/runs.ts'
import type { TrainingSource } from '../src/train/batches.ts'
import type { Course } from '../src/train/settings.ts'
import type { Validate } from '../src/train/state.ts'
import { type TrainOptions, train } from '../src/train/train.ts'

type Given = Pick<TrainOptions, 'network' | 'settings'> &
  Partial<Pick<TrainOptions, 'start' | 'checkpointEvery' | 'checked' | 'observer'>> &
  Partial<Course>

export interface TrainingInFolder extends Given {
  readonly out: string
}

/** Trains into `out`; without end unless told so, and without validations. The caller closes `source`. */
export async function trainIn(
  gpu: Gpu,
  source: TrainingSource,
  training: TrainingInFolder,
  { signal = new AbortController().signal, validate }: { signal?: AbortSignal; validate?: Validate } = {},
) {
  const { out, epochs = Number.POSITIVE_INFINITY, steps = Number.POSITIVE_INFINITY } = training
  const { validateEvery = 1e9, checkpointEvery = 1e9, patience } = training
  await mkdir(out, { recursive: true })
  return train({
    ...{ ...training, gpu, source, signal, checkpointEvery, store: storeIn(out) },
    course: { epochs, steps, validateEvery, ...(patience ? { patience } : {}) },
    ...(validate ? { validate } : {}),
  })
}
