import { UserError } from '../errors.ts'

/** A source of bytes that can be read in parts: a file, a Blob, bytes in memory. */
export interface ReadAt {
  /** What errors call it: a path, a URL, the name of a file that was dropped on a page. */
  readonly name: string
  readonly size: number
  /**
   * `length` bytes from `offset` on, in a buffer of their own that the caller may keep and change.
   * @throws UserError when they cannot be read, or when fewer are there
   */
  read(offset: number, length: number): Promise<Uint8Array>
}

/** Bytes in memory. `name` is what errors call them. */
export function readAtOf(bytes: Uint8Array, name: string): ReadAt {
  return {
    name,
    size: bytes.length,
    async read(offset, length) {
      const end = offset + length
      if (end > bytes.length) {
        const what = `it ends at byte ${bytes.length}, before byte ${end}`
        throw new UserError(`cannot read ${name}: ${what}`, 'weights')
      }
      return new Uint8Array(bytes.subarray(offset, end))
    },
  }
}
