// The server that the tests of the queue start: Redis or Valkey, from the distribution's own archive.

import { installPackages, mayUseApt } from './apt.mjs'
import { isOnPath, say } from './shell.mjs'

const SERVERS = ['redis-server', 'valkey-server']

/** Installs one where none is and apt may. Without it, the tests that need it are skipped by name. */
export function ensureRedis() {
  if (SERVERS.some(isOnPath) || !mayUseApt()) return
  say('Installing redis-server with apt, for the tests of the queue …')
  const { ok, why } = installPackages(['redis-server'])
  if (!ok) say(`apt could not install redis-server (${why}): the tests that need it are skipped`)
}
