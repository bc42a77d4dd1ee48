import { mkdir } from 'node:fs/promises'
import { type Content, writeFileAtomic } from './files.ts'
import { fileTrouble } from './trouble.ts'

/** Writes a file as `writeFileAtomic`. Throws a `UserError` that says why when the file system refuses. */
export async function saveFile(
  path: string,
  content: Content,
  beforeRename?: () => Promise<void>,
): Promise<void> {
  try {
    await writeFileAtomic(path, content, beforeRename)
  } catch (error) {
    throw fileTrouble('write', path, error)
  }
}

/** Makes a folder and those above it. Throws a `UserError` that says why when the file system refuses. */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true })
  } catch (error) {
    throw fileTrouble('write', path, error)
  }
}
