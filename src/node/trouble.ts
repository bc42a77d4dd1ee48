import { type Trouble, UserError } from '../errors.ts'

const SENTENCES: Record<string, string> = {
  ENOENT: 'no such file or folder',
  ENOTDIR: 'a part of the path is not a folder',
  EEXIST: 'a file of that name is in the way',
  EISDIR: 'it is a folder',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file system takes no file that large',
  EMFILE: 'too many files are open',
  ELOOP: 'its symbolic links go round in a circle',
  ENAMETOOLONG: 'the name is too long',
  EIO: 'the disk reports a read or write error',
}

/** In words, why the file system refused: `error` is what node:fs threw. */
export function reason(error: unknown): string {
  const code = codeOf(error)
  if (code && SENTENCES[code]) return SENTENCES[code]
  return error instanceof Error ? error.message : String(error)
}

/** A UserError such as "cannot write out/a.png: the disk is full". A UserError is passed on as it is. */
export function fileTrouble(
  verb: 'read' | 'write' | 'open',
  path: string,
  error: unknown,
  trouble: Trouble = 'input',
): UserError {
  if (error instanceof UserError) return error
  return new UserError(`cannot ${verb} ${path}: ${reason(error)}`, trouble, { cause: error })
}

/** Whether a `fileTrouble` is that there is no room left, which whatever is written next would meet, too. */
export const isDiskFull = ({ cause }: UserError): boolean =>
  ['ENOSPC', 'EDQUOT'].includes(codeOf(cause) ?? '')

/** The `code` of a system error (ENOENT …), undefined for any other. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}
