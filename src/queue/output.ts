/** A file in the folder of the results, by which workers know that it is there and not an empty place to mount it at. */
import type { Storage } from '../node/storage/storage.ts'
import { MachineTrouble } from './work.ts'

const MARK = '.colorizer-queue'
const SENTENCE = 'Workers of colorizer queue look for this file, to know that this folder is mounted.\n'

/** Makes the folder, if need be, and the file. Throws a `UserError` where that cannot be written. */
export async function markOutput(storage: Storage): Promise<void> {
  if ((await storage.stat(MARK)) === null) await storage.write(MARK, [Buffer.from(SENTENCE)])
}

/** Throws `MachineTrouble` where the file is missing. */
export async function expectMarked(storage: Storage): Promise<void> {
  if ((await storage.stat(MARK)) !== null) return
  throw new MachineTrouble(
    `${storage.address} is not the folder that queue add has prepared for results (it has no ${MARK}): look whether it is mounted on this machine`,
  )
}
