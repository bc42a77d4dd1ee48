import { UserError } from '../errors.ts'
import type { ReadAt } from '../io/read-at.ts'

/** A file that somebody chose or dropped, or any other Blob. `name` is what errors call it. */
export function readAtOfBlob(blob: Blob, name: string): ReadAt {
  const bad = (what: string, cause?: unknown) =>
    new UserError(`cannot read ${name}: ${what}`, 'weights', { cause })
  return {
    name,
    size: blob.size,
    async read(offset, length) {
      const end = offset + length
      if (end > blob.size) throw bad(`it ends at byte ${blob.size}, before byte ${end}`)
      try {
        return new Uint8Array(await blob.slice(offset, end).arrayBuffer())
      } catch (error) {
        throw bad((error as Error).message, error)
      }
    },
  }
}
