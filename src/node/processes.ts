/** Which processes are still there, where files on a shared disk name processes of many machines. */
import { execFileSync } from 'node:child_process'
import { readFileSync, readlinkSync } from 'node:fs'
import { codeOf } from './trouble.ts'

/**
 * Where process numbers mean the processes that they mean here: one start of one machine, and on Linux one container there. Null
 * where the system has no name for that.
 */
export const HERE: string | null = orNull(() => {
  if (process.platform === 'linux')
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${readlinkSync('/proc/self/ns/pid')}`
  if (process.platform === 'darwin')
    return execFileSync('sysctl', ['-n', 'kern.bootsessionuuid'], { encoding: 'utf8' }).trim()
  return null
})

/**
 * Whether a process of this machine is at work, be it another user's, which we may not signal. One that has ended and whose
 * parent has not noticed yet, a zombie, is not.
 * @param started of `startOf`, where it is known: another process may have the number by now
 */
export function isRunning(pid: number, started: string | null = null): boolean {
  if (!(pid > 0)) return false
  const found = statOf(pid)
  if (found) return !['Z', 'X'].includes(found.state) && (started ?? found.started) === found.started
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOf(error) !== 'ESRCH'
  }
}

/** When a process began, as the system counts; null where it does not say. */
export const startOf = (pid: number): string | null => statOf(pid)?.started ?? null

/** What Linux tells of a process; null elsewhere, and when there is no such process. */
function statOf(pid: number): { readonly state: string; readonly started: string } | null {
  return orNull(() => {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ') // the name before it may have anything in it
    return { state: fields[0]!, started: fields[19]! }
  })
}

function orNull<T>(look: () => T): T | null {
  try {
    return look()
  } catch {
    return null
  }
}
