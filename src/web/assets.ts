/** Weights by fetch: what the manifest lists is held against its checksum. */
import { UserError } from '../errors.ts'
import { type KnownFile, parseManifest } from '../io/manifest.ts'
import { CLASSIFIERS } from '../model/classifier.ts'
import { keep, kept } from './kept.ts'

/** A file that came whole. */
export interface Asset {
  /** What errors call it. */
  readonly name: string
  readonly bytes: Uint8Array
  /** Hexadecimal. */
  readonly sha256: string
}

/** Is told how many bytes have come, of how many as far as that is known. */
export type OnBytes = (loaded: number, total: number) => void

/**
 * The folder that the package's weights are served from; unless somebody says where, it lies beside its code.
 * @param around the addresses of this module and of the page: in bundles and workers they may be of no use
 * @throws UserError about usage
 */
export function folderOf(
  assets: string | URL | undefined,
  { module, page }: { readonly module: string | undefined; readonly page: string | undefined },
): URL {
  const [address, base] = assets === undefined ? ['../../weights/', module] : [assets, page]
  try {
    const { href } = new URL(address, base)
    return new URL(href.endsWith('/') ? href : `${href}/`)
  } catch (cause) {
    const what = assets === undefined ? 'are not beside this code' : `are not to be found at "${assets}"`
    throw new UserError(
      `the package's weights ${what}: let assets be the whole address of their folder, such as https://example.org/weights/`,
      'usage',
      { cause, mend: ['assets'] },
    )
  }
}

export interface AssetsOptions {
  /** The folder's address, looked for when it is first needed: weights in hand need none. */
  readonly where: () => URL
  /** The browser's cache that keeps files; none by default. */
  readonly cache?: string | undefined
  readonly signal?: AbortSignal | undefined
  readonly onBytes: OnBytes
}

/** What lies in the cache beside files by their checksums: the last list of them, for when there is no network. */
const LIST = 'manifest.json'

/** The folder that the package's weights are served from. */
export class Assets {
  #folder: URL | undefined
  #files: Promise<readonly KnownFile[]> | undefined
  /** Whose bytes are counted. */
  readonly #found = new Set<KnownFile>()
  /** By their checksums: a classifier may also be what the network looks through. */
  readonly #assets = new Map<string, Promise<Asset>>()
  #loaded = 0
  #total = 0

  constructor(private readonly options: AssetsOptions) {}

  /**
   * The listed file of a name, or of "auto": the best classifier that is there. Its bytes are expected from then on.
   * @throws UserError when there is none; as `load`, of the list itself
   */
  async find(kind: string, name: string): Promise<KnownFile> {
    this.#files ??= this.#list().catch((error) => {
      this.#files = undefined // another call may have more luck
      throw error
    })
    const ofKind = (await this.#files).filter((file) => file.kind === kind)
    const names = name === 'auto' ? CLASSIFIERS.map((spec) => spec.name) : [name]
    const [found] = names.flatMap((wanted) => ofKind.filter((file) => file.name === wanted))
    if (!found) {
      const known = ofKind.map((file) => file.name).join(', ') || 'none'
      throw bad(`${this.#at('')} has no ${kind} "${name}": it has ${known}`)
    }
    if (!this.#found.has(found)) this.#total += found.bytes
    this.#found.add(found)
    return found
  }

  /** What comes with the package; other files are known, but not here. */
  async #list(): Promise<readonly KnownFile[]> {
    const url = this.#at(LIST)
    const bytes = await this.#listBytes(url)
    try {
      return parseManifest(new TextDecoder().decode(bytes)).filter((file) => file.shipped)
    } catch (error) {
      throw bad(`${url} is not the list of this package's weights`, error)
    }
  }

  async #listBytes(url: URL): Promise<Uint8Array<ArrayBuffer>> {
    const { cache, signal } = this.options
    if (cache === undefined) return fetched(url, signal, () => {})
    try {
      const bytes = await fetched(url, signal, () => {})
      await keep(cache, LIST, bytes)
      return bytes
    } catch (error) {
      const last = await kept(cache, LIST)
      if (!last) throw error
      return last
    }
  }

  /**
   * A listed file.
   * @throws UserError that names the address: it cannot be fetched, or is not what it should be; what `signal`
   *   is raised with
   */
  load(file: KnownFile): Promise<Asset> {
    const loading = this.#assets.get(file.sha256) ?? this.#load(file)
    this.#assets.set(file.sha256, loading)
    loading.catch(() => this.#assets.delete(file.sha256))
    return loading
  }

  async #load({ file, name, sha256 }: KnownFile): Promise<Asset> {
    const { cache } = this.options
    const before = cache === undefined ? null : await kept(cache, sha256)
    if (before && (await sha256Of(before)) === sha256) {
      this.#count(before.length)
      return { name, bytes: before, sha256 }
    }
    const url = this.#at(file)
    const bytes = await this.#fetch(url)
    const actual = await sha256Of(bytes)
    if (actual === sha256) {
      if (cache !== undefined) await keep(cache, sha256, bytes)
      return { name, bytes, sha256 }
    }
    throw bad(`${url} is damaged: its checksum is ${actual.slice(0, 12)}…, not ${sha256.slice(0, 12)}…`)
  }

  /** A file that no list knows. Throws as `load`. */
  async loadFrom(url: URL): Promise<Asset> {
    const bytes = await this.#fetch(url)
    return { name: url.pathname.split('/').at(-1) || url.href, bytes, sha256: await sha256Of(bytes) }
  }

  /** The folder itself for "". */
  #at(file: string): URL {
    this.#folder ??= this.options.where()
    return new URL(file, this.#folder)
  }

  #fetch(url: URL): Promise<Uint8Array<ArrayBuffer>> {
    return fetched(url, this.options.signal, (bytes) => this.#count(bytes))
  }

  #count(bytes: number): void {
    this.#loaded += bytes
    this.options.onBytes(this.#loaded, Math.max(this.#loaded, this.#total))
  }
}

/** In hexadecimal. */
async function sha256Of(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** The whole answer. Throws as `Assets.load`. */
async function fetched(
  url: URL,
  signal: AbortSignal | undefined,
  onBytes: (bytes: number) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const response = await fetch(url, signal ? { signal } : {})
    if (!response.ok) throw bad(`${url} cannot be fetched: the server answers ${response.status}`)
    const pieces: Uint8Array<ArrayBuffer>[] = []
    const reader = response.body!.getReader()
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      pieces.push(read.value)
      onBytes(read.value.length)
    }
    return new Uint8Array(await new Blob(pieces).arrayBuffer())
  } catch (error) {
    signal?.throwIfAborted()
    if (error instanceof UserError) throw error
    throw bad(`${url} cannot be fetched: ${(error as Error).message}`, error)
  }
}

const bad = (sentence: string, cause?: unknown) => new UserError(sentence, 'weights', { cause })
