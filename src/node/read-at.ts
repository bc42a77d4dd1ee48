import { constants } from 'node:buffer'
import { type FileHandle, open } from 'node:fs/promises'
import { type Trouble, UserError } from '../errors.ts'
import type { ReadAt } from '../io/read-at.ts'
import { fileTrouble } from './trouble.ts'

/** One call of the operating system reads no more than about 2 GiB. */
const MAX_PIECE_BYTES = 2 ** 30

export type OpenFile = ReadAt & { close(): Promise<void> }

/**
 * Opens a file for reading parts of it. The caller closes it; `withFile` does so by itself.
 * @param trouble kind of the errors that it and `read` throw
 * @throws UserError naming the file: missing, a folder, not permitted; later, when it became shorter or cannot be read
 */
export async function openFile(path: string, trouble: Trouble = 'weights'): Promise<OpenFile> {
  let file: FileHandle | undefined
  try {
    file = await open(path, 'r')
    const { size } = await file.stat()
    return fileOf(file, path, size, trouble)
  } catch (error) {
    await file?.close()
    throw fileTrouble('read', path, error, trouble)
  }
}

/** What `use` makes of the file, which is closed afterwards in any case. Throws as `openFile` and `use` do. */
export async function withFile<T>(
  path: string,
  trouble: Trouble,
  use: (file: ReadAt) => Promise<T>,
): Promise<T> {
  const file = await openFile(path, trouble)
  try {
    return await use(file)
  } finally {
    await file.close()
  }
}

/** An open file of `size` bytes, for reading parts of it. `path` is its name in errors. */
export function fileOf(file: FileHandle, path: string, size: number, trouble: Trouble): OpenFile {
  const bad = (what: string) => new UserError(`cannot read ${path}: ${what}`, trouble)
  return {
    name: path,
    size,
    close: () => file.close(),
    async read(offset, length) {
      if (length > constants.MAX_LENGTH)
        throw bad(`it has a part of ${length} bytes, too large for this machine`)
      try {
        const bytes = new Uint8Array(length)
        for (let done = 0; done < length; ) {
          const piece = Math.min(length - done, MAX_PIECE_BYTES)
          const { bytesRead } = await file.read(bytes, done, piece, offset + done)
          if (bytesRead === 0) throw bad('it became shorter while it was read')
          done += bytesRead
        }
        return bytes
      } catch (error) {
        throw fileTrouble('read', path, error, trouble)
      }
    },
  }
}
