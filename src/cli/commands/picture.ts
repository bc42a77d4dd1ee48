import { dirname, extname } from 'node:path'
import type { PhotoPath } from '../../node/photos.ts'
import { makeFolder } from '../../node/save.ts'
import { identity } from '../colorize-files.ts'
import { wrong } from './command.ts'

/**
 * Makes sure, before any work, that the option `--name` names a picture that can be written: throws a `UserError` where its
 * ending is another, its folder cannot be made, or it would overwrite one of `photos`.
 */
export async function checkPicture(name: string, file: string, photos: readonly PhotoPath[]): Promise<void> {
  if (extname(file).toLowerCase() !== '.png') throw wrong(`--${name} ${file}: its name must end in .png`)
  await makeFolder(dirname(file))
  const existing = await identity(file)
  if (existing === null) return
  for (const { path } of photos) {
    if ((await identity(path)) === existing) throw wrong(`--${name} ${file} would overwrite that photograph`)
  }
}
