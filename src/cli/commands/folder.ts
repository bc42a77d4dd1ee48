import { readdir } from 'node:fs/promises'
import { makeFolder } from '../../node/save.ts'
import { wrong } from './command.ts'

/**
 * Makes sure, before any work, that the option `--name` names a folder that nothing else is in, and makes it where it is not
 * there: throws a `UserError` otherwise.
 */
export async function checkFolder(name: string, folder: string): Promise<void> {
  await makeFolder(folder)
  if ((await readdir(folder)).length)
    throw wrong(`--${name} ${folder}: that folder has files in it; name one that is new or empty`)
}
