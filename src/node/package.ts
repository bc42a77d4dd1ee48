/** Where this package lies on the disk, as a clone or installed. */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

// src/node and dist/node both lie two folders below the package's root
const ROOT = new URL('../../', import.meta.url)

/** The path of a file or folder that the package carries, such as "weights/classes.txt". */
export const packagePath = (path: string): string => fileURLToPath(new URL(path, ROOT))

/** What brings back `path`, a file of the package that is missing or damaged. */
export function mendOf(path: string): string {
  if (existsSync(packagePath('.git'))) return `run: git -C "${packagePath('.')}" checkout -- "${path}"`
  return 'run: npm uninstall webgpu-colorizer, then install it again'
}
