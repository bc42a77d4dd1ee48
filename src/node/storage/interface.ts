import type { UserError } from '../../errors.ts'

/** A file as a list shows it. */
export interface StoredFile {
  /** Below the storage's folder or prefix, with `/`. */
  readonly path: string
  /** In bytes. */
  readonly size: number
  /** Another one once the file has other content. */
  readonly stamp: string
}

/**
 * Files below one folder. A path is relative, with `/`, and never leaves the folder: all methods throw a `UserError` for
 * one that does, and for what the storage refuses.
 */
export interface Storage {
  /** The folder or s3://BUCKET/PREFIX, for messages. */
  readonly address: string

  /**
   * All files, in the order of their paths, in bounded memory. Hidden ones and parts of unfinished files are passed over,
   * and so are links to folders.
   * @param told is told of a folder that cannot be read, and the rest is listed; without it, that is thrown
   */
  list(told?: (error: UserError) => void): AsyncIterable<StoredFile>

  read(path: string): Promise<Uint8Array>

  /** Null when there is no such file. */
  stat(path: string): Promise<StoredFile | null>

  /**
   * Makes or replaces a file, its folders, too, if need be. It is there whole or not at all, and survives a power cut once this
   * has returned.
   * @param parts the bytes, piece by piece
   * @param ready is called at the last moment before the file takes its place; what it throws leaves everything as it was
   */
  write(path: string, parts: readonly Uint8Array[], ready?: () => Promise<void>): Promise<void>

  /** That there is no such file is no error. */
  remove(path: string): Promise<void>
}

/** What is told of trouble where `list` is given nothing else. */
export function thrown(error: UserError): never {
  throw error
}
