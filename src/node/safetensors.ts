/** safetensors files on the disk. */

import {
  encodeSafetensors,
  parseSafetensors,
  type Safetensors,
  type SafetensorsOptions,
  type Tensor,
} from '../io/safetensors.ts'
import { withFile } from './read-at.ts'
import { saveFile } from './save.ts'

/** Reads a whole file. Throws as `parseSafetensors`, and when the file cannot be read. */
export const readSafetensors = (path: string): Promise<Safetensors> =>
  withFile(path, 'weights', parseSafetensors)

/** Writes a file atomically: `path` is the old one or the whole new one. Throws a `UserError` when that fails. */
export const writeSafetensors = async (
  path: string,
  tensors: ReadonlyMap<string, Tensor>,
  options?: SafetensorsOptions,
): Promise<void> => saveFile(path, encodeSafetensors(path, tensors, options))
