/** The folder and the buckets that a worker may use. Jobs name places below them, and no others. */
import { realpath } from 'node:fs/promises'
import { dirname, relative, resolve, sep } from 'node:path'
import { UserError } from '../errors.ts'
import { openStorage, type Storage } from '../node/storage/storage.ts'
import { fileTrouble } from '../node/trouble.ts'

export const isBucket = (address: string) => address.startsWith('s3://')
const trimmed = (address: string) => address.replace(/\/+$/, '')

export class Roots {
  readonly #folder: string
  readonly #buckets: readonly string[]
  /** Places in buckets that are open: each has connections of its own, which all jobs share. */
  readonly #open = new Map<string, Promise<Storage>>()

  /**
   * @param addresses at most one folder, and any number of s3://BUCKET/PREFIX; the current folder by default
   * @throws UserError for two folders
   */
  constructor(addresses: readonly string[]) {
    const folders = addresses.filter((address) => !isBucket(address))
    if (folders.length > 1)
      throw new UserError(`--root ${folders[1]}: one folder is the root, and ${folders[0]} is it`, 'usage')
    this.#folder = resolve(folders[0] ?? '.')
    this.#buckets = addresses.filter(isBucket).map(trimmed)
  }

  /** What jobs call a folder or bucket. Throws a `UserError` for one that is not below a root. */
  placeOf(address: string): string {
    if (isBucket(address)) return this.#inBucket(trimmed(address))
    const below = relative(this.#folder, resolve(address)).split(sep).join('/')
    if (below === '') return '.'
    if (below.startsWith('..') || resolve(this.#folder, below) !== resolve(address))
      throw new UserError(
        `${address} is not below ${this.#folder}: name the folder that holds both as --root`,
        'usage',
      )
    return below
  }

  /** The folder on this machine; null for a place in a bucket. Throws as `placeOf`. */
  folderOf(place: string): string | null {
    if (isBucket(place)) {
      this.#inBucket(place)
      return null
    }
    const folder = resolve(this.#folder, place)
    this.placeOf(folder)
    return folder
  }

  /** The storage at a place that a job names. Throws a `UserError` where that is not below a root, be it by a link, or cannot be used. */
  async open(place: string): Promise<Storage> {
    const folder = this.folderOf(place)
    if (folder === null) return this.#openBucket(place)
    const root = await realpath(this.#folder).catch((error) => {
      throw fileTrouble('open', this.#folder, error)
    })
    const real = await realOf(folder)
    if (real !== root && !real.startsWith(root.endsWith(sep) ? root : root + sep))
      throw new UserError(`${folder} is refused: a link leads out of ${this.#folder}`)
    return openStorage(folder)
  }

  #openBucket(place: string): Promise<Storage> {
    const before = this.#open.get(place)
    if (before) return before
    const opened = openStorage(place)
    this.#open.set(place, opened)
    opened.catch(() => this.#open.delete(place)) // the next one tries again
    return opened
  }

  #inBucket(address: string): string {
    if (this.#buckets.some((root) => address === root || address.startsWith(`${root}/`))) return address
    throw new UserError(`${address} is not below a --root; give the bucket as one`, 'usage')
  }
}

/** Where a folder really is, or where it would be made. */
async function realOf(folder: string): Promise<string> {
  try {
    return await realpath(folder)
  } catch {
    const above = dirname(folder)
    return above === folder ? folder : resolve(await realOf(above), relative(above, folder))
  }
}
