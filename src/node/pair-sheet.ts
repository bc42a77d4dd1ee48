/** Two pictures side by side, to be asked about. */
import sharp from 'sharp'
import type { Photo } from '../color/photo.ts'
import { shrunkTo } from './image.ts'
import { svgText } from './strokes.ts'

/** Longest side of a picture in px. Smaller pictures keep their size. */
const CELL = 640
const MARGIN = 16
const HEADING = 14

/** A PNG file, whose compression gives nothing away, of both pictures, which have one size, under the headings "7 A" and "7 B". */
export async function pairSheet(number: number, pair: readonly [Photo, Photo]): Promise<Buffer> {
  const [left, right] = [await shrunkTo(pair[0], CELL), await shrunkTo(pair[1], CELL)]
  const top = 2 * MARGIN + HEADING
  const places = [left, right].map((photo, i) => ({ photo, x: MARGIN + i * (photo.width + MARGIN) }))
  const paper = { width: 2 * left.width + 3 * MARGIN, height: top + left.height + MARGIN }
  const letters = places.map(({ x }, i) =>
    svgText(`${number} ${'AB'[i]}`, x, MARGIN + HEADING, { size: HEADING }),
  )
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${paper.width}" height="${paper.height}">${letters.join('')}</svg>`
  const pictures = places.map(({ photo: { rgb, width, height }, x }) => ({
    ...{ input: Buffer.from(rgb), raw: { width, height, channels: 3 as const } },
    ...{ left: x, top },
  }))
  return sharp({ create: { ...paper, channels: 3, background: '#ffffff' }, limitInputPixels: false })
    .composite([...pictures, { input: Buffer.from(svg) }])
    .removeAlpha()
    .png()
    .toBuffer()
}
