/** Folders of trainings, as the command line names them. */
import { existsSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { TrainingStore } from '../../train/state.ts'
import { writeBest, writeCheckpoint } from '../weights.ts'
import { bestPath, checkpointPath } from './run-folder.ts'

/** Where trainings go that name no folder of their own. */
export const RUNS = 'runs'

/** The folder below `runs` with the newest training, that whose checkpoint was written last; or null. */
export async function newestRun(runs = RUNS): Promise<string | null> {
  let newest: string | null = null
  let newestMs = Number.NEGATIVE_INFINITY
  for (const name of await readdir(runs).catch(() => [])) {
    const run = join(runs, name)
    const checkpoint = await stat(checkpointPath(run)).catch(() => null)
    if (checkpoint && checkpoint.mtimeMs > newestMs) [newest, newestMs] = [run, checkpoint.mtimeMs]
  }
  return newest
}

/** The weights of a training to colour with: those that did best on its validation pictures, if it had any. */
export const weightsOf = (run: string) => (existsSync(bestPath(run)) ? bestPath(run) : checkpointPath(run))

/**
 * Keeps a training in its folder, which must be there.
 * @param check called before each write; throws when nothing is to be written any more
 */
export const storeIn = (run: string, check = (): void => {}): TrainingStore => ({
  async saveCheckpoint(checkpoint) {
    check()
    await writeCheckpoint(checkpointPath(run), checkpoint)
  },
  async saveBest(best) {
    check()
    await writeBest(bestPath(run), best)
  },
})
