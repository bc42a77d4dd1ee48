import { hostname } from 'node:os'
import { HERE, startOf } from '../src/node/processes.ts'

/** What a lock file says that this process holds, with some of it replaced. */
export function lockText(
  other: { pid?: number; started?: string; place?: string | null; host?: string } = {},
): string {
  const pid = other.pid ?? process.pid
  const own = { host: hostname(), place: HERE, pid, started: startOf(pid), token: `a lock of ${pid}` }
  return `${JSON.stringify({ ...own, ...other })}\n`
}
