import { open, readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/** The bytes of a file, at once or piece by piece. */
export type Content = Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>

/**
 * Writes `content` to `path` so that the file is either the old one or the whole new one, never half of it: written
 * aside under a name of this process, fsynced, renamed, and the folder fsynced so that the rename survives a power cut.
 * Throws what the file system throws (ENOSPC, EACCES …) after removing the part file; `path` is then untouched.
 */
export async function writeFileAtomic(path: string, content: Content): Promise<void> {
  const part = `${path}.${process.pid}.part`
  try {
    const file = await open(part, 'w')
    try {
      const pieces = content instanceof Uint8Array ? [content] : content
      for await (const piece of pieces) await writeFully(file, piece)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(part, path)
  } catch (error) {
    await rm(part, { force: true })
    throw error
  }
  await syncFolder(dirname(path))
}

/** Removes what processes that were killed while they wrote `path` left of it. */
export async function removeParts(path: string): Promise<void> {
  const isPart = (name: string) => name.startsWith(`${basename(path)}.`) && /\.\d+\.part$/.test(name)
  for (const name of await readdir(dirname(path))) {
    if (isPart(name)) await rm(join(dirname(path), name), { force: true })
  }
}

async function writeFully(file: Awaited<ReturnType<typeof open>>, chunk: Uint8Array): Promise<void> {
  for (let done = 0; done < chunk.length; ) {
    const { bytesWritten } = await file.write(chunk, done)
    done += bytesWritten
  }
}

async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return // folders cannot be opened there; NTFS journals the rename itself
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
