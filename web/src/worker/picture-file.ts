/** A picture's file: decoded, and what else is worth keeping of it. */
import { UserError } from '../../../src/errors.ts'
import { type FileKind, kindOf } from '../files/kind.ts'
import { NOTES, UNREADABLE } from '../texts.ts'

export interface DecodedFile {
  readonly bitmap: ImageBitmap
  /** Which is read again for what stands in it beside pixels. */
  readonly file: Blob
  /** What people should know of it. */
  readonly notes: readonly string[]
}

/** @throws UserError that says why the browser cannot read the file */
export async function decodeFile(file: Blob): Promise<DecodedFile> {
  const bytes = await bytesOf(file)
  const kind = kindOf(bytes)
  if (kind.kind === 'empty' || !kind.isWhole) throw new UserError(reasonOf(kind), 'input')
  const bitmap = await createImageBitmap(file).catch((cause: Error) => {
    throw new UserError(reasonOf(kind), 'input', { cause })
  })
  return { bitmap, file, notes: notesOf(kind) }
}

async function bytesOf(file: Blob): Promise<Uint8Array> {
  try {
    return new Uint8Array(await file.arrayBuffer())
  } catch (cause) {
    throw new UserError((cause as Error).message, 'input', { cause }) // it was moved or deleted
  }
}

const reasonOf = ({ kind }: FileKind): string =>
  kind in UNREADABLE ? UNREADABLE[kind as keyof typeof UNREADABLE] : UNREADABLE.damaged

const notesOf = ({ kind, isDeep, isAnimated }: FileKind): string[] => [
  ...(isDeep ? [NOTES.deep] : []),
  ...(isAnimated ? [NOTES.animated] : []),
  ...(kind === 'heic' || kind === 'avif' ? [NOTES.noExif] : []),
]
