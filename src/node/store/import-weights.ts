/** Brings a file from somewhere else into the cache, under a name by which it can then be used. */
import { createReadStream } from 'node:fs'
import { open, rm, writeFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { UserError } from '../../errors.ts'
import type { KnownFile } from '../../io/manifest.ts'
import { fileTrouble } from '../trouble.ts'
import { claimPart, ownFile, remember, settle } from './cache.ts'
import { sha256File } from './fetch.ts'

/** Words that stand for a choice of classifier and are no names. */
const RESERVED = ['auto', 'none']

/**
 * Copies `path` into the cache: as the file of `manifest` that has its checksum, or as a classifier of one's own under `name`.
 * @throws UserError: unreadable, unknown content and no name, a known name for other content (trouble 'weights'), no such
 * name or kind of file possible (trouble 'usage')
 */
export async function importFile(
  path: string,
  name: string | undefined,
  manifest: readonly KnownFile[],
): Promise<KnownFile> {
  const namesakes = manifest.filter((known) => name === undefined || known.name === name)
  const bytes = await sizeOf(path)
  if (name !== undefined && namesakes.length === 0) return importOwn(path, name, bytes)
  const candidates = namesakes.filter((known) => known.bytes === bytes)
  if (candidates.length === 0) throw unknown(path, name)
  return throughPart(path, async (part, sha256) => {
    const known = candidates.find((candidate) => candidate.sha256 === sha256)
    if (!known) throw unknown(path, name)
    if (!known.shipped) await settle(part, known)
    return known
  })
}

async function importOwn(path: string, name: string, bytes: number): Promise<KnownFile> {
  if (!/^[a-z0-9][a-z0-9._-]{0,63}$/.test(name) || RESERVED.includes(name)) {
    const rule = 'small letters, digits, dots, dashes and underscores, not auto and not none'
    throw new UserError(`the name "${name}" cannot be used: a name is made of ${rule}`, 'usage', {
      mend: ['name'],
    })
  }
  if (isColouriser(path)) throw unknown(path, name)
  if (extname(path).toLowerCase() !== '.onnx')
    throw new UserError(`cannot import ${path}: its name must end in .onnx`, 'usage')
  return throughPart(path, async (part, sha256) => {
    const own = ownFile({ name, kind: 'classifier', file: `own-${name}.onnx`, bytes, sha256 })
    await settle(part, own)
    await remember(own)
    return own
  })
}

/** Copies aside and hashes the copy, since the original may change while it is read. */
async function throughPart<T>(path: string, use: (part: string, sha256: string) => Promise<T>): Promise<T> {
  const part = await claimPart('import')
  try {
    try {
      const file = await open(part, 'w')
      await writeFile(file, createReadStream(path))
        .then(() => file.sync())
        .finally(() => file.close())
    } catch (error) {
      throw fileTrouble('write', part, error)
    }
    return await use(part, await sha256File(part))
  } finally {
    await rm(part, { force: true })
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    // opened, so that what may not be read is told before anything is copied
    const file = await open(path, 'r')
    const info = await file.stat().finally(() => file.close())
    if (info.isFile()) return info.size
  } catch (error) {
    throw fileTrouble('read', path, error, 'weights')
  }
  throw new UserError(`cannot read ${path}: it is not a regular file`, 'weights')
}

const isColouriser = (path: string) => extname(path).toLowerCase() === '.safetensors'

function unknown(path: string, name: string | undefined): UserError {
  if (isColouriser(path)) {
    const sentence = `${path} needs no import: weights that colour are taken as they are`
    return new UserError(sentence, 'usage', { mend: ['weights'] })
  }
  const sentence =
    name === undefined
      ? `${path} is none of the known weights: give it a name to import it as your own`
      : `${path} is not ${name}: its size or checksum is another one; choose another name to import it as your own`
  return new UserError(sentence, 'weights', { mend: ['name'] })
}
