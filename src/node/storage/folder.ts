import type { Stats } from 'node:fs'
import { type FileHandle, lstat, mkdir, open, opendir, realpath, rm, stat } from 'node:fs/promises'
import { dirname, join, resolve, sep } from 'node:path'
import { UserError } from '../../errors.ts'
import { syncFolder, writeFileAtomic } from '../files.ts'
import { codeOf, fileTrouble } from '../trouble.ts'
import { type Storage, type StoredFile, thrown } from './interface.ts'
import { checkedPath, isPassedOver } from './paths.ts'

/** Names of one folder that are held in memory at a time, about 100 MB; a folder with more is read several times. */
const NAMES_AT_ONCE = 500_000
/** Files asked for their sizes at once: a shared disk takes a while for each. */
const STATS_AT_ONCE = 32

/** Files below a folder, which many machines may see. Links that lead out of it are refused. */
export class FolderStorage implements Storage {
  readonly address: string
  readonly #root: string

  /** @param namesAtOnce names of one folder that are held in memory */
  constructor(
    folder: string,
    private readonly namesAtOnce = NAMES_AT_ONCE,
  ) {
    this.address = folder
    this.#root = resolve(folder)
  }

  async *list(told: (error: UserError) => void = thrown): AsyncGenerator<StoredFile, void> {
    yield* this.#listBelow('', told)
  }

  async read(path: string): Promise<Uint8Array> {
    const full = this.#full(path)
    return this.#tell('read', full, async () => {
      await this.#checkInside(full)
      return usingFile(full, (file) => file.readFile())
    })
  }

  async stat(path: string): Promise<StoredFile | null> {
    const full = this.#full(path)
    return this.#tell('read', full, async () => {
      const found = await orNull(stat(full))
      if (!found?.isFile()) return null
      await this.#checkInside(full)
      return storedFile(path, found)
    })
  }

  async write(path: string, parts: readonly Uint8Array[], ready?: () => Promise<void>): Promise<void> {
    const full = this.#full(path)
    await this.#tell('write', full, async () => {
      await this.#makeFolder(dirname(full))
      await writeFileAtomic(full, parts, ready)
    })
  }

  async remove(path: string): Promise<void> {
    const full = this.#full(path)
    await this.#tell('write', full, async () => {
      if (!(await orNull(lstat(full)))) return
      await this.#checkInside(dirname(full))
      await rm(full, { force: true })
      await syncFolder(dirname(full))
    })
  }

  async *#listBelow(below: string, told: (error: UserError) => void): AsyncGenerator<StoredFile, void> {
    const folder = join(this.#root, below)
    for (let last: string | null = ''; last !== null; ) {
      let names: string[]
      try {
        names = await namesBehind(folder, last, this.namesAtOnce)
      } catch (error) {
        return told(fileTrouble('read', `the folder ${folder}`, error))
      }
      for (let at = 0; at < names.length; at += STATS_AT_ONCE) {
        const some = names.slice(at, at + STATS_AT_ONCE)
        const files = some.map((name) => (name.endsWith('/') ? null : this.#look(below + name)))
        for (const [i, file] of (await Promise.all(files)).entries()) {
          if (file) yield file
          else if (some[i]!.endsWith('/')) yield* this.#listBelow(below + some[i]!, told)
        }
      }
      last = names.length < this.namesAtOnce ? null : names.at(-1)!
    }
  }

  /** Null when it is gone by now, or leads to a folder. A link that leads nowhere is listed, so that reading it says what is wrong. */
  async #look(path: string): Promise<StoredFile | null> {
    const full = join(this.#root, path)
    const found = (await stat(full).catch(() => null)) ?? (await lstat(full).catch(() => null))
    return found && !found.isDirectory() ? storedFile(path, found) : null
  }

  #full(path: string): string {
    return join(this.#root, checkedPath(path))
  }

  /** Throws a UserError when links lead from the path, which is there, to a place outside of the folder. */
  async #checkInside(path: string): Promise<void> {
    const [root, real] = await Promise.all([realpath(this.#root), realpath(path)])
    if (real === root || real.startsWith(root.endsWith(sep) ? root : root + sep)) return
    throw new UserError(`${path} is refused: a link on its way leads out of ${this.address}, to ${real}`)
  }

  /** Makes a folder and those above it, each of them durably. */
  async #makeFolder(folder: string): Promise<void> {
    if (folder.startsWith(this.#root + sep)) {
      let above = folder
      while (above !== this.#root && !(await orNull(lstat(above)))) above = dirname(above)
      if (above !== this.#root) await this.#checkInside(above)
    }
    const first = await mkdir(folder, { recursive: true })
    if (first === undefined) return
    for (let made = folder; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made))
  }

  async #tell<T>(verb: 'read' | 'write', path: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw fileTrouble(verb, path, error)
    }
  }
}

const storedFile = (path: string, { size, mtimeMs }: Stats): StoredFile => ({
  ...{ path, size },
  stamp: `${size}-${mtimeMs}`,
})

/** Null when there is no such file. */
async function orNull<T>(look: Promise<T>): Promise<T | null> {
  return look.catch((error) => {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) return null
    throw error
  })
}

async function usingFile<T>(path: string, work: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path)
  try {
    return await work(file)
  } finally {
    await file.close()
  }
}

/**
 * The first `count` names in a folder that come behind `last`, in order. Names of folders end in `/`, so that the order of names
 * is that of the paths. Links to folders look like files here.
 */
async function namesBehind(folder: string, last: string, count: number): Promise<string[]> {
  let names: string[] = []
  for await (const entry of await opendir(folder, { bufferSize: 1024 })) {
    if (isPassedOver(entry.name)) continue
    const name = entry.isDirectory() ? `${entry.name}/` : entry.name
    if (name > last) names.push(name)
    if (names.length >= 2 * count) names = names.sort().slice(0, count)
  }
  return names.sort().slice(0, count)
}
