/** Validation samples: photographs as the network is shown them, with their colours at full resolution. */
import { UserError } from '../errors.ts'
import { networkInput, type Rect, readPhoto } from './image.ts'
import { srgbToLab } from './lab.ts'

export interface ValidationSample {
  name: string
  /** what the network sees: [S, S, 1], lightness / 50 - 1, the picture in white (+1) */
  input: Float32Array
  /** where in `input` the picture is */
  content: Rect
  width: number
  height: number
  /** the truth at full resolution: lightness [height, width] in 0…100 and colours [height, width, 2] */
  L: Float32Array
  ab: Float32Array
  /** and as sRGB levels [height, width, 3] */
  rgb: Uint8Array
}

/**
 * Photographs one after the other, as the network is shown them and as they really are; the next is read ahead.
 * @param onUndecodable told of photographs that are passed over; without it they are thrown (UserError)
 */
export async function* validationSamples(
  paths: readonly string[],
  size: number,
  onUndecodable?: (reason: string) => void,
): AsyncGenerator<ValidationSample, void> {
  const load = (path: string | undefined) => {
    const loading = path === undefined ? null : validationSample(path, size)
    loading?.catch(() => {}) // looked at when its turn comes
    return loading
  }
  let next = load(paths[0])
  for (let n = 0; n < paths.length; n++) {
    const current = next
    next = load(paths[n + 1])
    const sample = await current!.catch((error: unknown) => {
      if (!(onUndecodable && error instanceof UserError)) throw error
      onUndecodable(error.message)
      return null
    })
    if (sample) yield sample
  }
}

async function validationSample(name: string, size: number): Promise<ValidationSample> {
  const photo = await readPhoto(name)
  const { L: input, content } = await networkInput(photo, size)
  return { name, input, content, ...photo, ...srgbToLab(photo.rgb) }
}
