import { dirname } from 'node:path'
import { identity } from '../../node/files.ts'
import type { PhotoPath } from '../../node/photos.ts'
import { makeFolder } from '../../node/save.ts'
import { isSheet, SHEET_FORMATS, sheetFormat } from '../../node/sheet.ts'
import { wrong } from './command.ts'

/**
 * Makes sure, before any work, that the option `--name` names a contact sheet that can be written: throws a `UserError` where its
 * ending is another, its folder cannot be made, or it would overwrite one of `photos`, or anything but a sheet of this program.
 * @param isListed whether a journal lists the file as it is now: sheets of earlier versions do not say what they are
 */
export async function checkPicture(
  name: string,
  file: string,
  photos: readonly PhotoPath[],
  isListed = false,
): Promise<void> {
  if (!sheetFormat(file))
    throw wrong(
      `--${name} ${file}: its name must end in ${SHEET_FORMATS.map((format) => `.${format}`).join(' or ')}`,
    )
  await makeFolder(dirname(file))
  const existing = await identity(file)
  if (existing === null) return
  for (const { path } of photos) {
    if ((await identity(path)) === existing) throw wrong(`--${name} ${file} would overwrite that photograph`)
  }
  if (!isListed && !(await isSheet(file)))
    throw wrong(`--${name} ${file}: it is there already, and no sheet of this program; name another file`)
}
