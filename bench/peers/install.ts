import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { UserError } from '../../src/errors.ts'

/**
 * Installs what is compared with into this folder, unless it is there already. Throws a `UserError` (exit code 1) when
 * that fails; npm's own reason is on stderr by then.
 */
export function installPeers(): void {
  const setup = fileURLToPath(new URL('../../scripts/setup.mjs', import.meta.url))
  const { status } = spawnSync(process.execPath, [setup, '--quiet', '--peers'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  if (status === 0) return
  const sentence =
    'the peers to compare with are not installed: run this again where npm reaches its registry'
  throw new UserError(sentence, 'input')
}
