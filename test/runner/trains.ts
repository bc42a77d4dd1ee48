import type { Gpu } from '../../src/device/gpu.ts'
import { readSafetensors } from '../../src/node/safetensors.ts'
import { replayGolden } from '../../src/train/golden.ts'

const FILE = 'test/golden/batch1.safetensors'

/** Forward, gradients and some Adam steps of the network against PyTorch's. Returns what differs. */
export async function trains(gpu: Gpu): Promise<string[]> {
  const { tensors } = await readSafetensors(FILE)
  const { worst } = await replayGolden(gpu, { name: FILE, tensors })
  return Object.entries(worst)
    .filter(([, { share }]) => !(share <= 1))
    .map(([group, { key, error }]) => `${group}: ${key} is off by ${error}`)
}
