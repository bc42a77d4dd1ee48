/** A print as a scanner sees it. */
import sharp from 'sharp'
import { halftone } from '../halftone.ts'

/** Pixels of the picture, and of the white border at each of its sides. */
const [WIDTH, BORDER] = [1500, 48]
const PAPER = '#f6f0e2'
/** Distance of a newspaper's dots. */
const DOTS = 6

/** A grey photograph as a brown, faded print with a white border, larger than what the page recombines at once. */
export async function scanOf(photo: string): Promise<Buffer> {
  const grey = sharp(photo).resize(WIDTH).toColourspace('b-w').raw()
  const { data, info } = await grey.toBuffer({ resolveWithObject: true })
  const rgb = Buffer.alloc(3 * data.length)
  for (const [i, level] of data.entries())
    rgb.set([75 + 0.5 * level, 60 + 0.48 * level, 42 + 0.44 * level], 3 * i)
  const sides = { top: BORDER, bottom: BORDER, left: BORDER, right: BORDER }
  return sharp(rgb, { raw: { width: info.width, height: info.height, channels: 3 } })
    .extend({ ...sides, background: PAPER })
    .png()
    .toBuffer()
}

/** A grey photograph as a newspaper prints it, with a white border. */
export async function halftoneOf(photo: string): Promise<Buffer> {
  const { data, info } = await sharp(photo).toColourspace('srgb').raw().toBuffer({ resolveWithObject: true })
  const { width, height } = info
  const { rgb } = halftone({ width, height, rgb: data }, DOTS)
  const sides = { top: BORDER, bottom: BORDER, left: BORDER, right: BORDER }
  return sharp(rgb, { raw: { width, height, channels: 3 } })
    .extend({ ...sides, background: '#ffffff' })
    .png()
    .toBuffer()
}
