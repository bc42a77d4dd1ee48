/** From what a person names on the command line (files, folders, globs) to a list of photographs. */
import { type Dirent, existsSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import type { Photo } from '../color/photo.ts'
import { UserError } from '../errors.ts'
import type { ClassVectors } from '../train/batches.ts'
import type { ShownPhoto } from '../train/validate.ts'
import { WRITTEN_ENDINGS } from './formats/kinds.ts'
import { readPhoto } from './image.ts'
import { codeOf, fileTrouble } from './trouble.ts'

/** Photographs decoded ahead while one is worked on. */
const AHEAD = 3

export interface PhotoPath {
  path: string
  /** Below the folder (or the fixed part of the glob) it was found in, so that outputs can mirror the tree. */
  relative: string
}

/**
 * Photographs of `inputs` in order: a file as it is; a folder's images, its subfolders' too, sorted by name; a glob
 * (`*`, `?`, `[a-z]`, `{a,b}`, and `**` for any folders). A file named twice is listed once.
 * @throws UserError: no such file, unreadable folder, folder without images, glob without matches.
 */
export async function findPhotos(inputs: readonly string[]): Promise<PhotoPath[]> {
  const found = new Map<string, PhotoPath>()
  for (const input of inputs) {
    for (const photo of await expand(input)) if (!found.has(photo.path)) found.set(photo.path, photo)
  }
  return [...found.values()]
}

/** An input, or a file or folder below one, that cannot be read. */
export interface Unreadable {
  readonly input: string
  readonly error: string
}

/** The same, of other files where `options` say so, but what cannot be read is told beside the photographs of the rest: a whole input, or a folder or file below one. */
export async function findEach(
  inputs: readonly string[],
  options: Pick<Search, 'endings' | 'mayBeEmpty'> = STRICT,
): Promise<{ photos: PhotoPath[]; failures: Unreadable[] }> {
  const photos = new Map<string, PhotoPath>()
  const failures: Unreadable[] = []
  for (const input of inputs) {
    const told = (path: string, error: UserError) => failures.push({ input: path, error: error.message })
    const before = failures.length
    try {
      for (const photo of await expand(input, { ...options, onTrouble: told }))
        if (!photos.has(photo.path)) photos.set(photo.path, photo)
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      if (failures.length === before) told(input, error) // else it is empty because of what was told
    }
  }
  return { photos: [...photos.values()], failures }
}

/** The photographs at `paths` in order, a few of them decoded ahead. What cannot be read rejects when it is its turn. */
export function* readAhead(paths: readonly string[]): Generator<Promise<Photo>, void> {
  const begun: Promise<Photo>[] = []
  for (const path of paths) {
    const photo = readPhoto(path)
    photo.catch(() => {}) // thrown where it is awaited
    begun.push(photo)
    if (begun.length > AHEAD) yield begun.shift()!
  }
  yield* begun
}

/** The same one by one, each with its class vector where it has one. Throws when a photograph cannot be read. */
export async function* showPhotos(
  paths: readonly string[],
  vectors?: ClassVectors,
): AsyncGenerator<ShownPhoto, void> {
  let i = 0
  for (const reading of readAhead(paths)) {
    const photo = await reading
    yield { photo, features: (await vectors?.of(paths[i++]!)) ?? undefined }
  }
}

/** What is done about a folder that cannot be read, or a link to a file that is not there; by default, only folders count. */
type OnTrouble = (path: string, error: UserError, kind: 'folder' | 'link') => void

interface Search {
  /** File name endings that are looked for. */
  readonly endings: readonly string[]
  readonly onTrouble: OnTrouble
  /** Whether it is right when nothing is found. */
  readonly mayBeEmpty?: boolean
  /** Folders to go down. */
  readonly depth?: number
}

const STRICT: Search = {
  endings: WRITTEN_ENDINGS,
  onTrouble: (_path, error, kind) => {
    if (kind === 'folder') throw error
  },
}

async function expand(input: string, search = STRICT): Promise<PhotoPath[]> {
  if (/[*?[{]/.test(input) && !existsSync(input)) return expandGlob(input, search)
  let isFolder: boolean
  try {
    isFolder = (await stat(input)).isDirectory()
  } catch (error) {
    throw fileTrouble('read', input, error)
  }
  if (!isFolder) return [{ path: input, relative: basename(input) }]
  const photos = await walk(input, '', search)
  if (!photos.length && !search.mayBeEmpty)
    throw new UserError(`the folder ${input} has no images (${WRITTEN_ENDINGS.join(' ')}) in it or below`)
  return photos
}

async function expandGlob(glob: string, search: Search): Promise<PhotoPath[]> {
  const parts = (process.platform === 'win32' ? glob.replaceAll('\\', '/') : glob).split('/')
  const fixed = parts.findIndex((part) => /[*?[{]/.test(part))
  const base = parts.slice(0, fixed).join('/') || (glob.startsWith('/') ? '/' : '.')
  const pattern = globPattern(parts.slice(fixed).join('/'), glob)
  const depth = glob.includes('**') ? Number.POSITIVE_INFINITY : parts.length - fixed - 1
  const onTrouble: OnTrouble = (path, error, kind) => {
    const below = path.slice(join(base, '/').length).replaceAll('\\', '/')
    if (kind === 'folder' || pattern.test(below)) search.onTrouble(path, error, kind)
  }
  const photos = (await walk(base, '', { ...search, onTrouble, depth })).filter(({ relative }) =>
    pattern.test(relative),
  )
  if (!photos.length && !search.mayBeEmpty) throw new UserError(`no image matches ${glob}`)
  return fixed === 0 ? photos.map(({ relative }) => ({ path: relative, relative })) : photos
}

/** Images below folder/below. Hidden files are passed over; links to files are followed, links to folders are not. */
async function walk(folder: string, below: string, search: Search): Promise<PhotoPath[]> {
  const { endings, onTrouble, depth = Number.POSITIVE_INFINITY } = search
  const here = join(folder, below)
  let entries: Dirent[]
  try {
    entries = await readdir(here, { withFileTypes: true })
  } catch (error) {
    const what = codeOf(error) === 'ENOENT' ? here : `the folder ${here}`
    onTrouble(here, fileTrouble('read', what, error), 'folder')
    return []
  }
  const photos: PhotoPath[] = []
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.name.startsWith('.')) continue
    const relative = below ? `${below}/${entry.name}` : entry.name
    const path = join(folder, relative)
    if (entry.isDirectory()) {
      if (depth === 0) continue
      // one by one: a call does not take as many arguments as a folder may have files
      for (const photo of await walk(folder, relative, { ...search, depth: depth - 1 })) photos.push(photo)
    } else if (endings.includes(extname(entry.name).toLowerCase()) && (await isFile(path, entry, onTrouble)))
      photos.push({ path, relative })
  }
  return photos
}

async function isFile(path: string, entry: Dirent, onTrouble: OnTrouble): Promise<boolean> {
  if (!entry.isSymbolicLink()) return entry.isFile()
  try {
    return (await stat(path)).isFile()
  } catch (error) {
    onTrouble(path, fileTrouble('read', path, error), 'link')
    return false
  }
}

/** The regular expression of a glob over paths with `/`. */
function globPattern(glob: string, whole: string): RegExp {
  const source = glob.replace(/\*\*\/|\*\*|\*|\?|\[!?[^\]]+\]|\{[^{}]*\}|[\\^$.|+(){}[\]]/g, (token) => {
    if (token === '**/') return '(?:.*/)?'
    if (token === '**') return '.*'
    if (token === '*') return '[^/]*'
    if (token === '?') return '[^/]'
    if (token.startsWith('[') && token.length > 1) return token.replace('[!', '[^').replaceAll('\\', '\\\\')
    if (token.startsWith('{') && token.length > 1)
      return `(?:${token.slice(1, -1).split(',').map(wildcards).join('|')})`
    return `\\${token}`
  })
  try {
    return new RegExp(`^${source}$`)
  } catch {
    throw new UserError(`cannot read ${whole}: no such file, and as a pattern it is malformed`)
  }
}

function wildcards(text: string): string {
  return text
    .replace(/[\\^$.|+()[\]{}]/g, '\\$&')
    .replaceAll('*', '[^/]*')
    .replaceAll('?', '[^/]')
}
