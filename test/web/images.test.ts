/** Photographs as browsers hand them over, with stand-ins for what Node lacks: bitmaps and canvases. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { expectImage, photoOf } from '../../src/web/images.ts'
import { UserError } from '../../src/web/index.ts'

/** One red pixel, and one black one of which half is seen. */
const RGBA = Uint8ClampedArray.of(200, 0, 0, 255, 0, 0, 0, 128)
const PHOTO = { width: 2, height: 1, rgb: Uint8Array.of(200, 0, 0, 127, 127, 127) }

class Bitmap {
  readonly [key: string]: unknown
  readonly width = 2
  readonly height = 1
  readonly close = vi.fn()
}

class Canvas {
  #drawn: unknown
  constructor(
    readonly width: number,
    readonly height: number,
  ) {}

  getContext() {
    return {
      drawImage: (bitmap: unknown) => {
        this.#drawn = bitmap
      },
      getImageData: (_x: number, _y: number, width: number, height: number) => {
        if (!(this.#drawn instanceof Bitmap)) throw new Error('nothing was drawn')
        return { data: RGBA, width, height }
      },
    }
  }
}

const stub = (parts: Readonly<Record<string, unknown>>) => {
  for (const [name, value] of Object.entries({ ImageBitmap: Bitmap, OffscreenCanvas: Canvas, ...parts }))
    vi.stubGlobal(name, value)
}
afterEach(() => vi.unstubAllGlobals())

it('takes pixels whose colours are sRGB, said or not, and no others', () => {
  const pixels = (colorSpace?: string) => {
    class ImageData {
      readonly data = RGBA
      readonly colorSpace = colorSpace
    }
    stub({ ImageData })
    return new ImageData()
  }
  expectImage('colorize', pixels())
  expectImage('colorize', pixels('srgb'))
  expect(() => expectImage('colorize', pixels('display-p3'))).toThrow('8 bits in sRGB')
})

describe('photoOf', () => {
  it('reads a bitmap, which stays open', async () => {
    stub({})
    const bitmap = new Bitmap() as unknown as ImageBitmap
    expectImage('colorize', bitmap)
    expect(await photoOf(bitmap)).toEqual(PHOTO)
    expect(bitmap.close).not.toHaveBeenCalled()
  })

  it('decodes a file, and closes the bitmap', async () => {
    const bitmap = new Bitmap()
    const createImageBitmap = vi.fn(async (_: Blob) => bitmap)
    stub({ createImageBitmap })
    const file = new Blob(['a file'])
    expectImage('colorize', file)
    expect(await photoOf(file)).toEqual(PHOTO)
    expect(createImageBitmap.mock.calls).toEqual([[file]])
    expect(bitmap.close).toHaveBeenCalledOnce()
  })

  it.each([
    [new File(['no image'], 'notes.txt'), 'notes.txt'],
    [new Blob(['no image']), 'the input'],
  ])('says that the browser cannot decode it: %o', async (file, name) => {
    const cause = new DOMException('The source image could not be decoded.', 'InvalidStateError')
    stub({ createImageBitmap: async () => Promise.reject(cause) })
    const message = `${name} is not an image that this browser can decode`
    const opening = photoOf(file)
    await expect(opening).rejects.toThrow(UserError)
    await expect(opening).rejects.toMatchObject({ message, trouble: 'input', cause })
  })

  it('says that there is no canvas for so many pixels, and closes the bitmap', async () => {
    const bitmap = new Bitmap()
    class TooLarge extends Canvas {
      override getContext(): never {
        throw new Error('out of memory')
      }
    }
    stub({ OffscreenCanvas: TooLarge, createImageBitmap: async () => bitmap })
    const message = 'this browser has no canvas for 2×1 pixels: out of memory'
    await expect(photoOf(new Blob(['a file']))).rejects.toMatchObject({ message, trouble: 'input' })
    expect(bitmap.close).toHaveBeenCalledOnce()
  })
})
