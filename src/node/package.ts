/** Where this package lies on the disk, as a clone or installed. */
import { fileURLToPath } from 'node:url'

// src/node and dist/node both lie two folders below the package's root
const ROOT = new URL('../../', import.meta.url)

/** The path of a file or folder that the package carries, such as "weights/classes.txt". */
export const packagePath = (path: string): string => fileURLToPath(new URL(path, ROOT))
