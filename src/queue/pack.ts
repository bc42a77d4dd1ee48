/** Photographs into jobs of about the same work. */
import { extname, join } from 'node:path'
import sharp from 'sharp'
import type { Picture } from './jobs.ts'

/** A scan of usual size counts as one photograph: 12 megapixels, 2 MB as a JPEG, 16 MB where nothing is compressed. */
const USUAL = { pixels: 12e6, bytes: 16 * 2 ** 20, jpegBytes: 2 * 2 ** 20 }
/** However small, a photograph takes a pass of the network. */
const LEAST_WORK = 0.25

/** Endings of files whose bytes say well enough how many pixels they have. */
const JPEGS = ['.jpg', '.jpeg', '.jpe', '.jfif']

/**
 * Pixels of a photograph in a folder, of all pages. A look into the header takes a millisecond, so it is not taken where the bytes
 * tell. Null where it is not, and where the header does not say.
 */
export async function pixelsOf(folder: string, path: string): Promise<number | null> {
  if (JPEGS.includes(extname(path).toLowerCase())) return null
  const look = sharp(join(folder, path), { limitInputPixels: false }).metadata()
  const header = await look.catch(() => null)
  return header && header.width * (header.pageHeight ?? header.height) * (header.pages ?? 1)
}

/** In photographs of usual size. */
export function workOf(size: number, pixels: number | null): number {
  const work = pixels === null ? size / USUAL.jpegBytes : Math.max(pixels / USUAL.pixels, size / USUAL.bytes)
  return Math.max(LEAST_WORK, work)
}

/** Collects pictures, in their order, until they are a job's work. */
export class Packer {
  #pictures: Picture[] = []
  #work = 0

  /** @param chunk work of a job, in photographs of usual size */
  constructor(private readonly chunk: number) {}

  /**
   * The pictures of a job that is full with this one; null while it is not.
   * @param pixels of the photograph, where they are known
   */
  add(picture: Picture, pixels: number | null = null): readonly Picture[] | null {
    this.#pictures.push(picture)
    this.#work += workOf(picture.size, pixels)
    return this.#work >= this.chunk ? this.finish() : null
  }

  /** What was collected, which may be nothing. */
  finish(): readonly Picture[] {
    const pictures = this.#pictures
    this.#pictures = []
    this.#work = 0
    return pictures
  }
}
