/** What coloured pictures are called, and how those of equal names are told apart. */
import { basename, dirname, extname, join } from 'node:path'
import { fittingName } from '../../node/files.ts'
import { type OutputFormat, outputName } from '../../node/formats/kinds.ts'
import type { PhotoPath } from '../../node/photos.ts'

/** The files that are made of one photograph. */
export interface Files {
  /** The coloured picture, or its variants in order. */
  readonly outputs: readonly string[]
  /** Grey beside coloured; null when that is not asked for. */
  readonly comparison: string | null
}

export interface Naming {
  /** The folder for the pictures, or the file for the only one. */
  readonly out: string
  readonly isFile: boolean
  /** Pictures of each photograph, with numbers in their names; null for one without. */
  readonly variants: number | null
  readonly compare: boolean
  /** Of all pictures; that of each photograph by default. */
  readonly format?: OutputFormat | undefined
}

/** The same tree below `out`, or the file `out` itself; of a folder more and more others, for when the first are taken. */
export function* namesFor({ relative }: PhotoPath, naming: Naming): Generator<Files, void> {
  const { out, isFile, format } = naming
  if (isFile) return yield filesOf(out, '', naming)
  const path = join(out, outputName(relative, format))
  for (let n = 1; ; n++) yield filesOf(path, n === 1 ? '' : `-${n}`, naming)
}

function filesOf(path: string, mark: string, { variants, compare }: Naming): Files {
  const ending = extname(path)
  const stem = basename(path, ending)
  const named = (tail: string) => join(dirname(path), fittingName(stem, mark + tail))
  const outputs =
    variants === null
      ? [named(ending)]
      : Array.from({ length: variants }, (_, i) => named(`.${i + 1}${ending}`))
  return { outputs, comparison: compare ? named('.compare.png') : null }
}

export const allOf = ({ outputs, comparison }: Files): readonly string[] =>
  comparison === null ? outputs : [...outputs, comparison]
