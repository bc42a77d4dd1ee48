/** A small file system that does not tell capitals, as memory cards and Windows have, for those who may mount one. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Mounted {
  readonly path: string
  unmount(): void
}

const BYTES = 4 * 2 ** 20

/** FAT with long names, in a file below `folder`; null where that cannot be made or mounted. */
export function mountFat(folder: string): Mounted | null {
  const [image, path] = [join(folder, 'fat.img'), join(folder, 'fat')]
  const quietly = (command: string, ...args: string[]) => execFileSync(command, args, { stdio: 'ignore' })
  writeFileSync(image, '')
  truncateSync(image, BYTES)
  mkdirSync(path)
  try {
    quietly('mkfs.vfat', image)
    quietly('mount', '-t', 'vfat', '-o', 'loop', image, path)
  } catch {
    return null
  }
  return { path, unmount: () => quietly('umount', path) }
}
