import { afterAll, beforeAll } from 'vitest'
import type { Gpu } from '../src/device/gpu.ts'
import { openGpu } from '../src/node/dawn.ts'

/** Opens one adapter for the test file and closes it at the end. */
export function useGpu(): () => Gpu {
  let gpu: Gpu
  beforeAll(async () => {
    gpu = await openGpu({ adapter: process.env.COLORIZER_ADAPTER })
  })
  afterAll(() => gpu?.destroy())
  return () => gpu
}
