import { mkdir } from 'node:fs/promises'
import { dirname, extname, join, resolve } from 'node:path'
import { EXIT, UserError } from './errors.ts'
import { writeFileAtomic } from './io/files.ts'
import { readPhoto, writeImage } from './io/image.ts'
import type { PhotoPath } from './io/photos.ts'
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

/** Colours one photograph into its place below `out`. Trouble with it is returned, not thrown. */
export async function colorizeFile(
  predictor: Predictor,
  photo: PhotoPath,
  options: ColorizeOptions,
): Promise<Coloured> {
  const started = performance.now()
  try {
    const output = outputPath(photo, options.out)
    const gray = await readPhoto(photo.path)
    const coloured = paint(gray, await predictor.predict(gray), options.saturation)
    await mkdir(dirname(output), { recursive: true })
    await writeImage(output, coloured)
    if (options.compare) {
      const sheet = await contactSheet([{ gray: grayOf(gray), ours: coloured }])
      await writeFileAtomic(output.slice(0, -extname(output).length) + '.compare.png', sheet)
    }
    const { width, height } = coloured
    return { input: photo.path, output, width, height, milliseconds: Math.round(performance.now() - started) }
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    return { input: photo.path, error: error.message }
  }
}

/** Where a picture goes: the same tree below `out`. Throws a `UserError` rather than overwrite the photograph itself. */
function outputPath({ path, relative }: PhotoPath, out: string): string {
  const extension = extname(relative)
  const name = WRITABLE.includes(extension.toLowerCase())
    ? relative
    : `${relative.slice(0, -extension.length || undefined)}.png`
  const output = join(out, name)
  if (resolve(output) === resolve(path)) {
    throw new UserError(`${path} would be overwritten by its coloured version; choose another -o`, EXIT.usage)
  }
  return output
}
