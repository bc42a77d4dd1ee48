import { stat } from 'node:fs/promises'
import { dirname, extname, join } from 'node:path'
import { UserError } from './errors.ts'
import { readPhoto, writeImage } from './io/image.ts'
import type { PhotoPath } from './io/photos.ts'
import { makeFolder, saveFile } from './io/save.ts'
import { contactSheet } from './io/sheet.ts'
import { grayOf, type Predictor, paint } from './predict.ts'

export interface ColorizeOptions {
  readonly out: string
  readonly saturation: number
  /** Also writes NAME.compare.png: grey | coloured. */
  readonly compare: boolean
}

export type Coloured =
  | {
      readonly input: string
      readonly output: string
      readonly width: number
      readonly height: number
      readonly milliseconds: number
    }
  | { readonly input: string; readonly error: string }

/** Endings that are written as they were read; anything else becomes a PNG. */
const WRITABLE = ['.jpg', '.jpeg', '.png', '.webp', '.tif', '.tiff']

/** Colours one photograph into the file `output`. Trouble with it is returned, not thrown. */
export async function colorizeFile(
  predictor: Predictor,
  photo: PhotoPath,
  output: string | UserError,
  { saturation, compare }: ColorizeOptions,
): Promise<Coloured> {
  const started = performance.now()
  try {
    if (output instanceof UserError) throw output
    const gray = await readPhoto(photo.path)
    const coloured = paint(gray, await predictor.predict(gray), saturation)
    await makeFolder(dirname(output))
    await writeImage(output, coloured)
    if (compare) {
      const sheet = await contactSheet([{ gray: grayOf(gray), ours: coloured }])
      await saveFile(comparisonPath(output), sheet)
    }
    const { width, height } = coloured
    return { input: photo.path, output, width, height, milliseconds: Math.round(performance.now() - started) }
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    return { input: photo.path, error: error.message }
  }
}

/**
 * Where each picture goes: the same tree below `out`. For one that would overwrite a photograph or another picture,
 * the error that says so.
 */
export async function planOutputs(
  photos: readonly PhotoPath[],
  { out, compare }: ColorizeOptions,
): Promise<(string | UserError)[]> {
  const originals = new Map<string, string>()
  for (const { path } of photos) originals.set((await identity(path)) ?? path, path)
  const taken = new Map<string, string>()
  const plan = async (photo: PhotoPath) => {
    const output = outputPath(photo, out)
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
