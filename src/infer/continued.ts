/** Tiny pictures are continued by their mirror images: enlarged a hundred times nothing in them would look like anything. */
import type { SmallAb } from '../color/guided.ts'
import { mirrored, type Photo } from '../color/photo.ts'
import type { Size } from '../rect.ts'
import type { ToldColour } from './hints.ts'

/** Pictures are shown to the network with at least that many pixels on a side. */
const LEAST_SIDE = 32

/** The upper left corner of what the network is shown that the picture takes, as shares of width, height and shorter side. */
export interface Corner {
  readonly across: number
  readonly down: number
  readonly side: number
}

/** What the network is shown of a picture, and where the picture is in it. */
export function continued(photo: Photo): { readonly whole: Photo; readonly corner: Corner } {
  const whole = mirrored(photo, LEAST_SIDE)
  const shorter = ({ width, height }: Photo) => Math.min(width, height)
  const corner = {
    ...{ across: photo.width / whole.width, down: photo.height / whole.height },
    side: shorter(photo) / shorter(whole),
  }
  return { whole, corner }
}

/** The same places in what the network is shown. */
export const toldIn = (told: readonly ToldColour[], { across, down, side }: Corner): ToldColour[] =>
  told.map(({ x, y, radius, ...colour }) => ({
    ...{ x: x * across, y: y * down, ...colour },
    radius: radius && radius * side,
  }))

/** How many of the network's cells are the picture's. */
export const cornerCells = (all: Size, { across, down }: Corner): Size => ({
  width: Math.max(1, Math.round(all.width * across)),
  height: Math.max(1, Math.round(all.height * down)),
})

/** The picture's part of the colours, in memory of its own. */
export function cornerOf(colours: SmallAb, corner: Corner): SmallAb {
  const { width, height } = cornerCells(colours, corner)
  const ab = new Float32Array(2 * width * height)
  for (let y = 0; y < height; y++) {
    const start = 2 * y * colours.width
    ab.set(colours.ab.subarray(start, start + 2 * width), 2 * y * width)
  }
  return { ab, width, height }
}
