import { linesOf, type SmallAb } from '../../../src/color/guided.ts'
import { lightness } from '../../../src/color/lab.ts'
import { lookAt, previewOf } from '../../../src/color/look.ts'
import type { Photo } from '../../../src/color/photo.ts'
import { rasterOf, rowsOf, shown } from '../../../src/color/raster.ts'
import { photoWithout, SEEN_PIXELS, seenOf, toneAdder } from '../../../src/infer/picture.ts'
import type { Rect, Size } from '../../../src/rect.ts'
import { onCanvas, onWhite, photoOf } from '../../../src/web/images.ts'
import type { Look } from '../look.ts'
import { NOTES } from '../texts.ts'
import { withoutDots } from './followed.ts'
import type { Format } from './methods.ts'
import { type DecodedFile, decodeFile } from './picture-file.ts'
import { type Colouring, type Pixels, recombine, type View } from './recombine.ts'

/** Pixels that are worked on at once. */
const BAND_PIXELS = 2 ** 20
/** Of the photograph whose lightness the network's colours follow: enough for each of its cells to have a mean. */
const GUIDE_PIXELS = 2 ** 22

/** What a look at a picture tells before it is coloured. */
interface Prepared {
  /** What the network is shown: without border, tone and fading. */
  readonly seen: Photo
  /** The same part as its colours follow it. */
  readonly guide: Photo
  /** That part, in pixels of the picture. */
  readonly content: Rect
  /** Distance of the dots of a print, in pixels of the picture; null where it has none. */
  readonly screen: number | null
  /** What colours are multiplied by: less than 1 where there is nothing to see. */
  readonly structure: number
  readonly isInColour: boolean
  /** Whether it has a tone that may be kept, and what adds that. */
  readonly isToned: boolean
  readonly addTone: Colouring['addTone']
}

export interface EncodeOptions extends Format {
  readonly signal: AbortSignal
}

/** A picture in the worker: decoded once, and worked on in parts, so that large ones need little more memory. */
export class Picture implements Size {
  readonly width: number
  readonly height: number
  #guide: Pick<Prepared, 'guide' | 'content' | 'screen' | 'structure' | 'addTone'> | null = null
  /** The part that was looked at last; sliders ask for it again and again. */
  #last: Pixels | null = null

  private constructor(
    private readonly file: DecodedFile,
    /** What people should know of it. */
    readonly notes: readonly string[],
  ) {
    this.width = file.bitmap.width
    this.height = file.bitmap.height
  }

  /** @throws UserError as `decodeFile` */
  static async of(file: Blob): Promise<Picture> {
    const decoded = await decodeFile(file)
    return new Picture(decoded, decoded.notes)
  }

  /** The part of the picture that has colours, in its pixels; all of it before `prepare`. */
  get content(): Rect {
    return this.#guide?.content ?? { x: 0, y: 0, width: this.width, height: this.height }
  }

  /** What the network is shown, and what people should know of the picture then. */
  async prepare(): Promise<Pick<Prepared, 'seen' | 'isToned'> & { readonly notes: readonly string[] }> {
    const { seen, isInColour, isToned, ...guide } = await this.#look()
    this.#guide = guide
    return { seen, isToned, notes: isInColour ? [...this.notes, NOTES.inColour] : this.notes }
  }

  /**
   * What the network made of what it was shown.
   * @param saturation what colours are multiplied by, as its weights say
   */
  colouringOf(small: SmallAb, saturation: number): Colouring {
    const { guide, content, structure, addTone } = this.#guide!
    const ab = small.ab.map((value) => value * saturation * structure)
    return { colours: linesOf({ ...small, ab }, guide), content, addTone }
  }

  /** A part of the picture as it is, RGBA. */
  original(view: View): Uint8ClampedArray<ArrayBuffer> {
    return this.#draw(view).data as Uint8ClampedArray<ArrayBuffer>
  }

  /** A part of the picture in colours, RGBA. */
  async coloured(view: View, colouring: Colouring, look: Look): Promise<Uint8ClampedArray<ArrayBuffer>> {
    return recombine(await this.#pixels(view), colouring, look)
  }

  /**
   * The whole picture in colours, in a file that says what the original says beside its pixels.
   * @throws UserError when the browser has no canvas of this size
   */
  async encode(colouring: Colouring, look: Look, { type, quality, signal }: EncodeOptions): Promise<Blob> {
    const { width, height } = this
    const { canvas, context } = onCanvas(this, (context, canvas) => ({ context, canvas }))
    const rows = Math.max(1, Math.floor(BAND_PIXELS / width))
    for (let y = 0; y < height; y += rows) {
      const rect = { x: 0, y, width, height: Math.min(rows, height - y) }
      const view = { rect, width, height: rect.height }
      const painted = await this.coloured(view, colouring, look)
      context.putImageData(new ImageData(painted, width, rect.height), 0, y)
      await breath() // so that sliders and other pictures are heard
      signal.throwIfAborted()
    }
    this.#last = null
    const { withMetadata } = await import('./metadata.ts')
    return withMetadata(await canvas.convertToBlob({ type, quality }), this.file.file, this)
  }

  close(): void {
    this.file.bitmap.close()
    this.#last = null
  }

  async #look(): Promise<Prepared> {
    const photo = await this.#photo()
    const raster = rasterOf(photo)
    const look = lookAt(previewOf(raster), raster)
    const [across, down] = [this.width / raster.width, this.height / raster.height]
    const { x, y, width, height } = look.content
    const { photo: seen, screen } = await seenOf(rowsOf(raster), look)
    const guide = shown(raster, GUIDE_PIXELS, look.content)
    return {
      seen,
      guide: screen ? await photoWithout(guide, (screen * guide.width) / width) : guide,
      screen: screen && screen * across,
      content: { x: x * across, y: y * down, width: width * across, height: height * down },
      structure: look.structure,
      isInColour: look.isInColour,
      isToned: look.isToned && !look.isInColour,
      addTone: toneAdder(look),
    }
  }

  /** All of the picture, or of a larger one a smaller copy. */
  async #photo(): Promise<Photo> {
    const { bitmap } = this.file
    const scale = Math.sqrt(SEEN_PIXELS / (this.width * this.height))
    if (scale >= 1) return photoOf(bitmap)
    const side = (length: number) => Math.max(1, Math.floor(length * scale))
    const size = { resizeWidth: side(this.width), resizeHeight: side(this.height) }
    const smaller = await createImageBitmap(bitmap, { ...size, resizeQuality: 'high' })
    try {
      return await photoOf(smaller)
    } finally {
      smaller.close()
    }
  }

  async #pixels(view: View): Promise<Pixels> {
    if (JSON.stringify(this.#last?.view) === JSON.stringify(view)) return this.#last!
    const draw = (part: View) => onWhite(this.#draw(part))
    const { rgb } = draw(view)
    const L = lightness(rgb)
    const { screen, content } = this.#guide!
    const followed = screen ? await withoutDots({ view, L }, { screen, content }, draw) : L
    this.#last = { view, rgb, L, followed }
    return this.#last
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
