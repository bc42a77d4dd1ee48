import { UserError } from '../../errors.ts'
import { isPartName } from '../files.ts'

/** The path itself. Throws a UserError when it is not relative, with `/`, or might leave its folder. */
export function checkedPath(path: string): string {
  const steps = path.split('/')
  const isPlain = steps.every((step) => step !== '' && step !== '.' && step !== '..')
  // on Windows a backslash parts folders, and a colon names a drive or a stream
  if (isPlain && !path.includes('\0') && !(process.platform === 'win32' && /[\\:]/.test(path))) return path
  throw new UserError(`the path ${JSON.stringify(path)} is refused: it is no plain path below a folder`)
}

/** Whether lists pass over a file or folder of this name: it is hidden, or part of an unfinished file. */
export const isPassedOver = (name: string): boolean => name.startsWith('.') || isPartName(name)
