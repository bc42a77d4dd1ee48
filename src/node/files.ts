import { createHash, randomInt } from 'node:crypto'
import { existsSync } from 'node:fs'
import { open, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/** The bytes of a file, at once or piece by piece. */
export type Content = Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>

export interface WriteOptions {
  /** Is called right before the rename; what it throws leaves `path` untouched. */
  readonly ready?: (() => Promise<void>) | undefined
  /** Number in the name of the part; see `sharedOwner`. */
  readonly owner?: number
}

/**
 * Writes `content` to `path` so that the file is either the old one or the whole new one, never half of it: written
 * aside under a name of this process, fsynced, renamed, and the folder fsynced so that the rename survives a power cut.
 * Throws what the file system throws (ENOSPC, EACCES …) after removing the part file; `path` is then untouched.
 */
export async function writeFileAtomic(
  path: string,
  content: Content,
  { ready, owner = process.pid }: WriteOptions = {},
): Promise<void> {
  const part = partPath(path, owner)
  try {
    const file = await open(part, 'w')
    try {
      const pieces = content instanceof Uint8Array ? [content] : content
      for await (const piece of pieces) await writeFully(file, piece)
      await file.sync()
    } finally {
      await file.close()
    }
    await ready?.()
    await rename(part, path)
  } catch (error) {
    await rm(part, { force: true })
    throw error
  }
  await syncFolder(dirname(path))
}

/** The longest name that every usual file system takes, in bytes. */
export const MAX_NAME_BYTES = 255
/** Names of parts are not longer than this or than that of the file, whatever is longer: some file systems take less. */
const SHORT_NAME_BYTES = 64
const DIGEST_CHARACTERS = 8
const PART_NAME = /^(.*)\.(\d+)\.part$/s

/** Where a part of the file is written. */
function partPath(path: string, owner: number): string {
  return join(dirname(path), `${partStem(basename(path))}.${owner}.part`)
}

/** A number for parts in a folder that machines share: one that no process of any of them has, and no other caller. */
export const sharedOwner = (): number => randomInt(2 ** 31, 10 ** 10)

/** The name itself, or as much of it as leaves room for the rest, and a digest that tells it from others that begin like it. */
function partStem(name: string): string {
  const room = Math.max(SHORT_NAME_BYTES, Buffer.byteLength(name)) - '.1234567890.part'.length
  if (Buffer.byteLength(name) <= room) return name
  const digest = createHash('sha256').update(name).digest('hex').slice(0, DIGEST_CHARACTERS)
  return `${shortened(name, room - DIGEST_CHARACTERS - 1)}-${digest}`
}

/** Whether a file of this name is part of one that is not finished. */
export const isPartName = (name: string): boolean => PART_NAME.test(name)

/** As many of the text's first characters as have at most `bytes` bytes. */
export function shortened(text: string, bytes: number): string {
  let length = 0
  let short = ''
  for (const character of text) {
    length += Buffer.byteLength(character)
    if (length > bytes) break
    short += character
  }
  return short
}

/** What two names of one file have in common; null when there is no such file. */
export async function identity(path: string): Promise<string | null> {
  const found = await stat(path, { bigint: true }).catch(() => null)
  return found && `${found.dev}:${found.ino}`
}

/**
 * Removes what processes that were killed while they wrote one of `paths` left of it.
 * @param isKilled whether the process of this number is one of those; where a lock keeps others away, all are
 */
export async function removeParts(
  paths: readonly string[],
  isKilled = (_pid: number) => true,
): Promise<void> {
  const stems = new Map<string, Set<string>>()
  for (const path of paths) {
    const inFolder = stems.get(dirname(path)) ?? new Set()
    stems.set(dirname(path), inFolder.add(partStem(basename(path))))
  }
  for (const [folder, ofFiles] of stems) {
    for (const name of existsSync(folder) ? await readdir(folder) : []) {
      const [, stem, pid] = PART_NAME.exec(name) ?? []
      if (ofFiles.has(stem ?? '') && isKilled(Number(pid))) await rm(join(folder, name), { force: true })
    }
  }
}

async function writeFully(file: Awaited<ReturnType<typeof open>>, chunk: Uint8Array): Promise<void> {
  for (let done = 0; done < chunk.length; ) {
    const { bytesWritten } = await file.write(chunk, done)
    done += bytesWritten
  }
}

/** Makes what was created, renamed or removed in a folder survive a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return // folders cannot be opened there; NTFS journals the rename itself
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
