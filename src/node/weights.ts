/** Weight files and checkpoints on the disk. */

import { parseWeights, type WeightFile } from '../io/weights.ts'
import type { Networks } from '../model/registry.ts'
import {
  type Best,
  type Checkpoint,
  encodeBest,
  encodeCheckpoint,
  parseCheckpoint,
} from '../train/checkpoint.ts'
import { packagePath } from './package.ts'
import { withFile } from './read-at.ts'
import { saveFile } from './save.ts'
import { NODE_NETWORKS } from './store/networks.ts'

/** The weights that come with the package. */
export const SHIPPED = packagePath('weights/lite.safetensors')

/** Reads the weights of a weight file or a checkpoint. Throws as `parseWeights`, and when the file cannot be read. */
export const readWeights = (path: string, networks: Networks = NODE_NETWORKS): Promise<WeightFile> =>
  withFile(path, 'weights', (file) => parseWeights(file, networks))

/** Reads a checkpoint. Throws as `parseCheckpoint`, and when the file cannot be read. */
export const readCheckpoint = (path: string, networks: Networks = NODE_NETWORKS): Promise<Checkpoint> =>
  withFile(path, 'weights', (file) => parseCheckpoint(file, networks))

/** Writes a checkpoint atomically. Throws a `UserError` when the file system refuses; the old file then stays. */
export const writeCheckpoint = async (path: string, checkpoint: Checkpoint): Promise<void> =>
  saveFile(path, encodeCheckpoint(path, checkpoint))

/** Writes weights without what a training needs to go on. Throws as `writeCheckpoint`. */
export const writeBest = async (path: string, best: Best): Promise<void> =>
  saveFile(path, encodeBest(path, best))
