import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { open, readdir, rename, rm, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { HERE, isRunning } from './processes.ts'

/** Gives the bytes of a file piece by piece, each once the one before it is written. */
export type Pieces = (write: (piece: Uint8Array) => Promise<void>) => Promise<void>
/** All of them in memory. */
export async function gathered(pieces: Pieces): Promise<readonly Uint8Array[]> {
  const all: Uint8Array[] = []
  await pieces(async (piece) => void all.push(piece))
  return all
}

/** The bytes of a file, at once or piece by piece. */
export type Content = Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array> | Pieces

/**
 * Writes `content` to `path` so that the file is either the old one or the whole new one, never half of it: written
 * aside under a name of this process, fsynced, renamed, and the folder fsynced so that the rename survives a power cut.
 * Throws what the file system throws (ENOSPC, EACCES …) after removing the part file; `path` is then untouched.
 * @param beforeRename called when all of it is written
 */
export async function writeFileAtomic(
  path: string,
  content: Content,
  beforeRename = async () => {},
): Promise<void> {
  const part = partPath(path)
  try {
    const file = await open(part, 'w')
    try {
      if (typeof content === 'function') await content((piece) => writeFully(file, piece))
      else
        for await (const piece of content instanceof Uint8Array ? [content] : content)
          await writeFully(file, piece)
      await file.sync()
    } finally {
      await file.close()
    }
    await beforeRename()
    await rename(part, path)
  } catch (error) {
    await rm(part, { force: true })
    throw error
  }
  await syncFolder(dirname(path))
}

/** The longest name that every usual file system takes, in bytes. */
const MAX_NAME_BYTES = 255
/** Names of parts are not longer than this or than that of the file, whatever is longer: some file systems take less. */
const SHORT_NAME_BYTES = 64
const DIGEST_CHARACTERS = 8
const PART_NAME = /^(.*)\.([0-9a-f]{8})-(\d+)\.part$/s
/** A part of another machine that has not grown for so long is nobody's any more. */
const ABANDONED_MS = 24 * 3600 * 1000

/** Where this process is, in the names of its parts. */
const PLACE = digestOf(HERE ?? hostname())

/** Where a part of the file is written by this process. */
export function partPath(path: string, pid = process.pid): string {
  return join(dirname(path), `${partStem(basename(path))}.${PLACE}-${pid}.part`)
}

/** The name itself, or as much of it as leaves room for the rest, and a digest that tells it from others that begin like it. */
function partStem(name: string): string {
  const room = Math.max(SHORT_NAME_BYTES, Buffer.byteLength(name)) - '.12345678-1234567890.part'.length
  if (Buffer.byteLength(name) <= room) return name
  return `${shortened(name, room - DIGEST_CHARACTERS - 1)}-${digestOf(name)}`
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, DIGEST_CHARACTERS)
}

/** Whether a file of this name is part of one that is not finished. */
export const isPartName = (name: string): boolean => PART_NAME.test(name)

/** As many of the text's first characters as have at most `bytes` bytes. */
function shortened(text: string, bytes: number): string {
  let length = 0
  let short = ''
  for (const character of text) {
    length += Buffer.byteLength(character)
    if (length > bytes) break
    short += character
  }
  return short
}

/** The name of these two parts, the first of which is cut where file systems would refuse the whole. */
export const fittingName = (stem: string, tail: string): string =>
  `${shortened(stem, MAX_NAME_BYTES - Buffer.byteLength(tail))}${tail}`

/** Paths that only differ by capitals, or by how accents are written, become the same: not all file systems tell them. */
export const folded = (path: string) => path.normalize('NFC').toLowerCase()

/** What two names of one file have in common; null when there is no such file. */
export async function identity(path: string): Promise<string | null> {
  const found = await stat(path, { bigint: true }).catch(() => null)
  return found && `${found.dev}:${found.ino}`
}

/**
 * Removes what processes that were killed while they wrote one of `paths` left of it.
 * @param areAlone whether a lock keeps all others away, so that all parts are such
 */
export async function removeParts(paths: readonly string[], { areAlone = false } = {}): Promise<void> {
  for (const part of await leftParts(paths, { areAlone })) await rm(part, { force: true })
}

/** Parts of `paths` that nobody writes any more. */
export async function leftParts(
  paths: readonly string[],
  { areAlone = false, abandonedMs = ABANDONED_MS } = {},
): Promise<string[]> {
  const stems = new Map<string, Set<string>>()
  for (const path of paths) {
    const inFolder = stems.get(dirname(path)) ?? new Set()
    stems.set(dirname(path), inFolder.add(partStem(basename(path))))
  }
  const left: string[] = []
  for (const [folder, ofFiles] of stems) {
    for (const name of existsSync(folder) ? await readdir(folder) : []) {
      const [, stem, place, pid] = PART_NAME.exec(name) ?? []
      if (!ofFiles.has(stem ?? '')) continue
      const part = join(folder, name)
      const isLeft = place === PLACE ? !isRunning(Number(pid)) : await isAbandoned(part, abandonedMs)
      if (areAlone || isLeft) left.push(part)
    }
  }
  return left
}

async function isAbandoned(part: string, ms: number): Promise<boolean> {
  const found = await stat(part).catch(() => null)
  return found !== null && Date.now() - found.mtimeMs > ms
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
