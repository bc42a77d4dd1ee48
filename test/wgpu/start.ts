/** Starts `main.ts` in Deno, in the environment in which Vulkan finds its driver. */

import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const deno = createRequire(import.meta.url).resolve('deno/bin.cjs')
const flags = [
  '--allow-all',
  '--no-check',
  '--node-modules-dir=manual',
  '--no-lock',
  '--unstable-webgpu',
  '--unstable-sloppy-imports',
]
const main = fileURLToPath(new URL('main.ts', import.meta.url))
const { status } = spawnSync(process.execPath, [deno, 'run', ...flags, main], { stdio: 'inherit' })
process.exitCode = status ?? 1
