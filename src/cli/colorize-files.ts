import { stat } from 'node:fs/promises'
import { dirname, extname, join } from 'node:path'
import { grayOf } from '../color/paint.ts'
import { UserError } from '../errors.ts'
import { colorizePhoto, type Painter, type PaintOptions } from '../infer/colorizer.ts'
import type { SeenClass } from '../infer/photo-study.ts'
import { type HintFile, hintsFor } from '../io/hints.ts'
import { PHOTO_EXTENSIONS, readPhoto, writeImage } from '../node/image.ts'
import type { PhotoPath } from '../node/photos.ts'
import { makeFolder, saveFile } from '../node/save.ts'
import { contactSheet, type SheetRow } from '../node/sheet.ts'
import { advised } from './advice.ts'

export interface ColorizeOptions {
  /** The folder for the pictures, or the file for the only one; see `isFile`. */
  readonly out: string
  readonly painting: PaintOptions
  /** What is told of the only photograph. */
  readonly hints?: HintFile | undefined
  /** Also writes NAME.compare.png: grey | coloured. */
  readonly compare: boolean
  /** Is shown every photograph that was coloured. */
  readonly onColoured?: ((row: SheetRow) => Promise<void>) | undefined
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
    }
  | { readonly input: string; readonly error: string }

/** Endings that are written as they were read; anything else becomes a PNG. */
const WRITABLE = ['.jpg', '.jpeg', '.png', '.webp', '.tif', '.tiff']

/** Colours one photograph into the file `output`. Trouble with it is returned, not thrown. */
export async function colorizeFile(
  painter: Painter,
  photo: PhotoPath,
  output: string | UserError,
  { painting, hints: file, compare, onColoured }: ColorizeOptions,
): Promise<Coloured> {
  const started = performance.now()
  try {
    if (output instanceof UserError) throw output
    const gray = await readPhoto(photo.path)
    const hints = file && hintsFor(file, photo.path, gray)
    const { photo: coloured, classes } = await colorizePhoto(painter, gray, { ...painting, hints })
    await makeFolder(dirname(output))
    await writeImage(output, coloured)
    const row = { gray: grayOf(gray), ours: coloured }
    if (compare) await saveFile(comparisonPath(output), await contactSheet([row]))
    await onColoured?.({ ...row, caption: photo.relative })
    const { width, height } = coloured
    const milliseconds = Math.round(performance.now() - started)
    return { input: photo.path, output, width, height, milliseconds, ...(classes.length ? { classes } : {}) }
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    return { input: photo.path, error: advised(error) }
  }
}

/** Whether `out` names a picture rather than a folder: it has the ending of one, and is no folder that exists. */
export async function isFile(out: string): Promise<boolean> {
  if (!PHOTO_EXTENSIONS.includes(extname(out).toLowerCase()) || /[\\/]$/.test(out)) return false
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
  { out, compare }: ColorizeOptions,
): Promise<(string | UserError)[]> {
  const only = (await isFile(out)) ? out : null
  const originals = new Map<string, string>()
  for (const { path } of photos) originals.set((await identity(path)) ?? path, path)
  const taken = new Map<string, string>()
  const plan = async (photo: PhotoPath) => {
    const output = only ?? outputPath(photo, out)
    const files = compare ? [output, comparisonPath(output)] : [output]
    for (const file of files) {
      const original = originals.get((await identity(file)) ?? '')
      if (original !== undefined) return overwriting(photo, `the photograph ${original}`)
      const other = taken.get(file)
      if (other !== undefined) return overwriting(photo, `that of ${other}`)
    }
    for (const file of files) taken.set(file, photo.path)
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

function outputPath({ relative }: PhotoPath, out: string): string {
  const extension = extname(relative)
  if (WRITABLE.includes(extension.toLowerCase())) return join(out, relative)
  return join(out, `${relative.slice(0, -extension.length || undefined)}.png`)
}

const comparisonPath = (output: string) => `${output.slice(0, -extname(output).length)}.compare.png`
