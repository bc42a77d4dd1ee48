import { stat } from 'node:fs/promises'
import { dirname, extname, join } from 'node:path'
import { UserError } from '../errors.ts'
import type { Painter, SeenClass } from '../infer/colorizer.ts'
import { type HintFile, hintsFor } from '../io/hints.ts'
import { colorizeFile, type FileOptions } from '../node/formats/colorize.ts'
import { formatOfName, outputName, WRITTEN_ENDINGS } from '../node/formats/kinds.ts'
import { photoSize, readPhotoFile } from '../node/image.ts'
import type { PhotoPath } from '../node/photos.ts'
import { makeFolder, saveFile } from '../node/save.ts'
import { contactSheet, type SheetRow } from '../node/sheet.ts'
import { advised } from './advice.ts'

export interface ColorizeOptions {
  /** The folder for the pictures, or the file for the only one; see `isFile`. */
  readonly out: string
  /** How files are read, coloured and written. */
  readonly file: FileOptions
  /** Hints for the only photograph. */
  readonly hints: HintFile | undefined
  /** Also writes NAME.compare.png: grey | coloured. */
  readonly compare: boolean
  /** Is shown every photograph that was coloured. */
  readonly onColoured?: ((row: SheetRow) => Promise<void>) | undefined
  /** Is told what was not as it should be, or is lost. */
  readonly onRemark?: ((sentence: string) => void) | undefined
}

export type Coloured =
  | {
      readonly input: string
      readonly output: string
      readonly width: number
      readonly height: number
      readonly milliseconds: number
      /** What the classifier saw, the likeliest five; left out without one. */
      readonly classes?: readonly SeenClass[]
      /** What was not as it should be, or is lost. */
      readonly remarks?: readonly string[]
    }
  | { readonly input: string; readonly error: string }
  | { readonly input: string; readonly skipped: string }

/** Colours one photograph into the file `output`. Trouble with it is returned, not thrown. */
export async function colorizeInto(
  painter: Painter,
  photo: PhotoPath,
  output: string | UserError,
  { file, hints, compare, onColoured, onRemark = () => {} }: ColorizeOptions,
): Promise<Coloured> {
  const started = performance.now()
  try {
    if (output instanceof UserError) throw output
    const input = photo.path
    const bytes = await readPhotoFile(input)
    const told = hints && hintsFor(hints, input, await photoSize(bytes, input))
    const format = file.format ?? formatOfName(output)
    const coloured = await colorizeFile(painter, bytes, input, { ...file, format, hints: told })
    if ('skipped' in coloured) return { input, ...coloured }
    const { width, height, classes, remarks, before, after } = coloured
    for (const remark of remarks) onRemark(remark)
    await makeFolder(dirname(output))
    await saveFile(output, coloured.parts)
    const row = { gray: before, ours: after }
    if (compare) await saveFile(comparisonPath(output), await contactSheet([row]))
    await onColoured?.({ ...row, caption: photo.relative })
    const milliseconds = Math.round(performance.now() - started)
    const said = { ...(classes.length ? { classes } : {}), ...(remarks.length ? { remarks } : {}) }
    return { input, output, width, height, milliseconds, ...said }
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    return { input: photo.path, error: advised(error) }
  }
}

/** Whether `out` names a picture rather than a folder: it has the ending of one, and is no folder that exists. */
export async function isFile(out: string): Promise<boolean> {
  if (!WRITTEN_ENDINGS.includes(extname(out).toLowerCase()) || /[\\/]$/.test(out)) return false
  return stat(out).then(
    (found) => !found.isDirectory(),
    () => true,
  )
}

/**
 * Where each picture goes: the same tree below `out`, or the file `out` itself. For one that would overwrite a photograph
 * or another picture, the error that says so.
 */
export async function planOutputs(
  photos: readonly PhotoPath[],
  { out, file, compare }: ColorizeOptions,
): Promise<(string | UserError)[]> {
  const only = (await isFile(out)) ? out : null
  const originals = new Map<string, string>()
  for (const { path } of photos) originals.set((await identity(path)) ?? path, path)
  const taken = new Map<string, string>()
  const plan = async (photo: PhotoPath) => {
    const output = only ?? join(out, outputName(photo.relative, file.format))
    const files = compare ? [output, comparisonPath(output)] : [output]
    for (const path of files) {
      const original = originals.get((await identity(path)) ?? '')
      if (original !== undefined) return overwriting(photo, `the photograph ${original}`)
      const other = taken.get(path)
      if (other !== undefined) return overwriting(photo, `that of ${other}`)
    }
    for (const path of files) taken.set(path, photo.path)
    return output
  }
  const outputs: (string | UserError)[] = []
  for (const photo of photos) outputs.push(await plan(photo))
  return outputs
}

const overwriting = ({ path }: PhotoPath, what: string) =>
  new UserError(`the coloured ${path} would overwrite ${what}; colour it with another -o`)

/** What two names of one file have in common; null when there is no such file. */
export async function identity(path: string): Promise<string | null> {
  const found = await stat(path, { bigint: true }).catch(() => null)
  return found && `${found.dev}:${found.ino}`
}

const comparisonPath = (output: string) => `${output.slice(0, -extname(output).length)}.compare.png`
