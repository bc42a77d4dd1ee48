/** Whether a file is a result of this program: a quick look, for folders of many photographs. */
import { open } from 'node:fs/promises'
import { type History, PROGRAM } from '../../io/image/history.ts'
import { historyOf } from './read.ts'

/** Metadata stand at the beginning or at the end of image files. */
const END_BYTES = 2 ** 16

/** What the file says of how this program made it; null where it does not, or cannot be read. */
export async function madeHere(path: string): Promise<History | null> {
  return (await namesProgram(path)) ? historyOf(path) : null
}

async function namesProgram(path: string): Promise<boolean> {
  const file = await open(path, 'r').catch(() => null)
  if (!file) return false
  try {
    const { size } = await file.stat()
    for (const position of new Set([0, Math.max(0, size - END_BYTES)])) {
      const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(END_BYTES), position })
      if (buffer.subarray(0, bytesRead).includes(PROGRAM)) return true
    }
    return false
  } catch {
    return false
  } finally {
    await file.close()
  }
}
