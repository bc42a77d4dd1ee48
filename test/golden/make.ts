/**
 * Makes golden files that are too large for the repository, in `test/golden/made`; `test/golden.test.ts` replays them where they are.
 * Needs a Python with PyTorch (Debian: python3-torch).
 *
 *     npm run golden:make -- [--python FILE]
 */

import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { MADE } from './files.ts'

const { values } = parseArgs({ options: { python: { type: 'string', default: 'python3' } } })
const script = fileURLToPath(new URL('report_torch.py', import.meta.url))
mkdirSync(fileURLToPath(new URL('made', import.meta.url)), { recursive: true })
for (const { file, options } of MADE) {
  const { status, error } = spawnSync(values.python, [script, file, ...options.split(' ')], {
    stdio: 'inherit',
  })
  if (status !== 0) {
    console.error(error?.message ?? `${values.python} could not make ${file}: has it PyTorch?`)
    process.exit(1)
  }
}
