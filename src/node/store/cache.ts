/** Weights that this program knows: shipped with the package, or kept in the user's cache folder. */
import { readFileSync } from 'node:fs'
import { mkdir, rename, rm, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import * as v from 'valibot'
import { UserError } from '../../errors.ts'
import { type KnownFile, listedFile, parseManifest } from '../../io/manifest.ts'
import { leftParts, partPath } from '../files.ts'
import { mendOf, packagePath } from '../package.ts'
import { saveFile } from '../save.ts'
import { codeOf, fileTrouble, reason } from '../trouble.ts'
import { sha256File } from './fetch.ts'

// a file name from outside must not lead out of the folder
const isPlainName = v.check<string, string>((name) => !/[\\/]/.test(name), 'a name of a file without folders')
const importedSchema = v.array(v.object({ ...listedFile, file: v.pipe(v.string(), isPlainName) }))

export interface Inspection {
  readonly path: string
  readonly state: 'ok' | 'missing' | 'corrupt'
  /** What is wrong with a corrupt one. */
  readonly why?: string
}

const SHIPPED = packagePath('weights/')
const IMPORTED = 'imported.json'
/** Of another machine's part file that has not grown for so long no download still runs. */
const ABANDONED_MS = 60_000

/** The user's cache folder; scripts/lib/memory.mjs keeps other things in the same one. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  const base = env.XDG_CACHE_HOME || join(homedir(), '.cache')
  return resolve(env.COLORIZER_CACHE || join(base, 'webgpu-colorizer'))
}

const weightsFolder = () => join(cacheFolder(), 'weights')

/** What the package knows by itself. Throws a `UserError` about weights when `path` is missing or damaged. */
export function readManifest(path = join(SHIPPED, 'manifest.json')): KnownFile[] {
  try {
    return parseManifest(readFileSync(path, 'utf8'))
  } catch (error) {
    const why = codeOf(error) ? reason(error) : 'it is damaged'
    throw new UserError(`cannot read ${path}: ${why}; ${mendOf(path)}`, 'weights', {
      cause: error,
    })
  }
}

/** The same and the user's own imports. Throws a `UserError` about weights when the list of those is unreadable. */
export function knownFiles(manifest: readonly KnownFile[] = readManifest()): KnownFile[] {
  return [...manifest, ...readImported()]
}

export function pathOf({ file, shipped }: KnownFile): string {
  return join(shipped ? SHIPPED : weightsFolder(), file)
}

/** What the user has imported under names of their own. */
function readImported(): KnownFile[] {
  const path = join(weightsFolder(), IMPORTED)
  try {
    return v.parse(importedSchema, JSON.parse(readFileSync(path, 'utf8'))).map(ownFile)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return []
    const why = `cannot read ${path}: ${codeOf(error) ? reason(error) : 'it is damaged; remove it and import again'}`
    throw new UserError(why, 'weights', { cause: error })
  }
}

/** A file of the user's own. */
export function ownFile({
  name,
  kind,
  file,
  bytes,
  sha256,
}: Pick<KnownFile, keyof typeof listedFile>): KnownFile {
  const what = 'imported by you'
  return { name, kind, file, shipped: false, bytes, sha256, licence: 'unknown', what, locations: [] }
}

/** Adds an imported file to the list of those, in place of the one of that name. */
export async function remember(own: KnownFile): Promise<void> {
  const before = readImported()
  const after = [...before.filter(({ name }) => name !== own.name), own]
  const text = `${JSON.stringify(after, null, 2)}\n`
  await saveFile(join(weightsFolder(), IMPORTED), Buffer.from(text))
  for (const replaced of before) {
    const isOrphan = replaced.name === own.name && replaced.file !== own.file
    if (isOrphan) await rm(pathOf(replaced), { force: true })
  }
}

/**
 * The file called `name`, with its path: the first intact one of several, null when none is there.
 * @throws UserError about weights when all that are there are damaged
 */
export async function locate(
  name: string,
  known = knownFiles(),
): Promise<(KnownFile & { readonly path: string }) | null> {
  let damaged: Inspection | null = null
  for (const candidate of known.filter((file) => file.name === name)) {
    const found = await inspect(candidate)
    if (found.state === 'ok') return { ...candidate, path: found.path }
    if (found.state === 'corrupt') damaged ??= found
  }
  if (!damaged) return null
  const { path, why } = damaged
  const mend = path.startsWith(SHIPPED) ? mendOf(path) : `fetch or import ${name} again`
  throw new UserError(`${path} is damaged: ${why}; ${mend}`, 'weights')
}

/** Reads the whole file and compares its checksum. */
export async function inspect(known: KnownFile): Promise<Inspection> {
  const path = pathOf(known)
  try {
    const { size } = await stat(path)
    if (size !== known.bytes)
      return { path, state: 'corrupt', why: `it has ${size} bytes, not ${known.bytes}` }
    const actual = await sha256File(path)
    if (actual === known.sha256) return { path, state: 'ok' }
    return { path, state: 'corrupt', why: `its checksum is ${actual.slice(0, 12)}…, a wrong one` }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return { path, state: 'missing' }
    return { path, state: 'corrupt', why: reason(error) }
  }
}

/**
 * The part file, there or not, into which this process downloads `file`. What an earlier process left behind is taken
 * over; of one that still runs, nothing.
 */
export async function claimPart(file: string): Promise<string> {
  const folder = weightsFolder()
  const path = join(folder, file)
  const own = partPath(path)
  try {
    await mkdir(folder, { recursive: true })
    const left = await leftParts([path], { abandonedMs: ABANDONED_MS })
    for (const part of left) await rename(part, own).catch(() => {}) // another process was faster
    return own
  } catch (error) {
    throw fileTrouble('write', folder, error)
  }
}

/** Gives a complete part file its final name. */
export async function settle(part: string, known: KnownFile): Promise<string> {
  const path = pathOf(known)
  try {
    await rename(part, path)
    return path
  } catch (error) {
    throw fileTrouble('write', path, error)
  }
}
