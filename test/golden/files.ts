/** Golden files and the options of `report_torch.py` that make them. */

import { fileURLToPath } from 'node:url'

interface GoldenFile {
  readonly file: string
  readonly options: string
}

const at = (name: string) => fileURLToPath(new URL(`${name}.safetensors`, import.meta.url))

/** In the repository; PyTorch's own float32 loses no more than 6e-6 of any tensor. Narrow layers of 64 px take Winograd's way. */
export const KEPT: GoldenFile = {
  file: at('winograd'),
  options: '--width 0.0625 --size 64 --steps 4 --seed 2',
}

/** Made by `npm run golden:make`: wider layers, and one so wide that it convolves the upsampled image. */
export const MADE: readonly GoldenFile[] = [
  { file: at('made/quarter'), options: '--width 0.25 --size 64 --batch 2 --steps 3 --seed 2' },
  { file: at('made/wide'), options: '--width 0.8 --size 16 --batch 2 --steps 2 --seed 2' },
]
