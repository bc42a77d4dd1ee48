import { open, readFile, rm } from 'node:fs/promises'
import { UserError } from '../errors.ts'
import { codeOf, fileTrouble } from './trouble.ts'

/** The locks of this very process. */
const held = new Set<string>()

/**
 * Takes the lock file `path` and writes the number of this process into it. Call the result to release it. A lock whose
 * process has ended is taken over.
 * @throws UserError when another process has it
 */
export async function lock(path: string, what: string): Promise<() => Promise<void>> {
  for (;;) {
    try {
      const file = await open(path, 'wx')
      await file.writeFile(`${process.pid}\n`)
      await file.close()
      held.add(path)
      return async () => {
        held.delete(path)
        await rm(path, { force: true })
      }
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw fileTrouble('write', path, error)
    }
    const owner = Number(await readFile(path, 'utf8').catch(() => ''))
    // in a container that was started anew, a process often has the number of the one before it
    if (owner === process.pid ? held.has(path) : isRunning(owner)) {
      throw new UserError(`process ${owner} is at work on ${what}; wait for it, or choose another folder`)
    }
    await rm(path, { force: true })
  }
}

/** True also for a process of another user, which we may not signal. */
export function isRunning(pid: number): boolean {
  if (!(pid > 0)) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOf(error) !== 'ESRCH'
  }
}
