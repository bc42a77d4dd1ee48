import type { ColourLines } from '../../../src/color/guided.ts'
import { lightness } from '../../../src/color/lab.ts'
import type { Size } from '../../../src/rect.ts'
import { onCanvas, onWhite } from '../../../src/web/images.ts'
import { withExif } from '../files/exif.ts'
import type { Look } from '../look.ts'
import { type DecodedFile, decodeFile } from './picture-file.ts'
import { type Pixels, placesOf, recombine, type View } from './recombine.ts'

/** Pixels that are worked on at once. */
const BAND_PIXELS = 2 ** 20
/** Larger pictures are shown to the network scaled down to this, which it sees much smaller still. */
const STUDIED_PIXELS = 24e6

/** A picture in the worker: decoded, and never copied whole. */
export class Picture implements Size {
  readonly width: number
  readonly height: number
  /** The part that was looked at last; sliders ask for it again and again. */
  #seen: { readonly key: string; readonly rgb: Uint8Array; readonly L: Float32Array } | null = null

  /** What people should know of its file. */
  readonly notes: readonly string[]

  private constructor(private readonly file: DecodedFile) {
    this.width = file.bitmap.width
    this.height = file.bitmap.height
    this.notes = file.notes
  }

  /** @throws UserError as `decodeFile` */
  static async of(file: Blob): Promise<Picture> {
    return new Picture(await decodeFile(file))
  }

  /** What the network is shown. The caller closes it. */
  async studied(): Promise<ImageBitmap> {
    const { width, height } = this
    const scale = Math.min(1, Math.sqrt(STUDIED_PIXELS / (width * height)))
    const side = (length: number) => Math.max(1, Math.round(length * scale))
    return createImageBitmap(this.file.bitmap, {
      ...{ resizeWidth: side(width), resizeHeight: side(height), resizeQuality: 'high' },
    })
  }

  /** A part of the picture as it is, RGBA. */
  original(view: View): Uint8ClampedArray<ArrayBuffer> {
    return this.#draw(view).data as Uint8ClampedArray<ArrayBuffer>
  }

  /** A part of the picture in colours, RGBA. */
  coloured(view: View, colours: ColourLines, look: Look): Uint8ClampedArray<ArrayBuffer> {
    return recombine(this.#pixels(view, colours), colours, look)
  }

  /**
   * The whole picture in colours, in a file.
   * @param quality 0 to 1, of JPEG and WebP
   * @throws UserError when the browser has no canvas of this size
   */
  async encode(
    colours: ColourLines,
    look: Look,
    {
      type,
      quality,
      signal,
    }: { readonly type: string; readonly quality: number; readonly signal: AbortSignal },
  ): Promise<Blob> {
    const { width, height } = this
    const { canvas, context } = onCanvas(this, (context, canvas) => ({ context, canvas }))
    const rows = Math.max(1, Math.floor(BAND_PIXELS / width))
    for (let y = 0; y < height; y += rows) {
      const rect = { x: 0, y, width, height: Math.min(rows, height - y) }
      const view = { rect, width, height: rect.height }
      context.putImageData(new ImageData(this.coloured(view, colours, look), width, rect.height), 0, y)
      await breath() // so that sliders and other pictures are heard
      signal.throwIfAborted()
    }
    this.#seen = null
    const blob = await canvas.convertToBlob({ type, quality })
    const { exif } = this.file
    return exif ? withExif(new Uint8Array(await blob.arrayBuffer()), exif, this) : blob
  }

  close(): void {
    this.file.bitmap.close()
    this.#seen = null
  }

  #pixels(view: View, colours: Size): Pixels {
    const key = JSON.stringify(view)
    if (this.#seen?.key !== key) {
      const { rgb } = onWhite(this.#draw(view))
      this.#seen = { key, rgb, L: lightness(rgb) }
    }
    const { rgb, L } = this.#seen
    return { rgb, L, places: placesOf(colours, this, view) }
  }

  #draw({ rect, width, height }: View): ImageData {
    return onCanvas({ width, height }, (context) => {
      context.imageSmoothingQuality = 'high'
      context.drawImage(this.file.bitmap, rect.x, rect.y, rect.width, rect.height, 0, 0, width, height)
      return context.getImageData(0, 0, width, height)
    })
  }
}

/** Lets messages in. */
const breath = () => new Promise((resolve) => setTimeout(resolve))
