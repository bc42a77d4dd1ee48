/** What a file is, by its first bytes: browsers only say whether they can decode it. */
import { latin1 } from '../../../src/io/image/bytes.ts'
import { isWholeJpeg } from '../../../src/io/image/jpeg.ts'
import { isWholePng, pngChunks } from '../../../src/io/image/png.ts'
import { isWholeWebp, webpChunks } from '../../../src/io/image/webp.ts'

export type Kind =
  | 'jpeg'
  | 'png'
  | 'webp'
  | 'gif'
  | 'bmp'
  | 'avif'
  | 'heic'
  | 'tiff'
  | 'raw'
  | 'other'
  | 'empty'

export interface FileKind {
  readonly kind: Kind
  /** More than 8 bits a channel, of which browsers keep 8. */
  readonly isDeep: boolean
  /** More than one picture, of which the first is taken. */
  readonly isAnimated: boolean
  /** Whether all of it is there, as far as can be told: browsers show of some files what there is. */
  readonly isWhole: boolean
}

const HEIC_BRANDS = ['heic', 'heix', 'heim', 'heis', 'hevc', 'hevx', 'mif1', 'msf1']

const WHOLE: Readonly<Partial<Record<Kind, (bytes: Uint8Array) => boolean>>> = {
  ...{ jpeg: isWholeJpeg, png: isWholePng, webp: isWholeWebp },
}

/** @param bytes of the whole file */
export function kindOf(bytes: Uint8Array): FileKind {
  const kind = nameOf(bytes)
  return {
    ...{ kind, isDeep: kind === 'png' && bytes[24] === 16, isAnimated: isAnimated(kind, bytes) },
    isWhole: WHOLE[kind]?.(bytes) ?? true,
  }
}

function nameOf(bytes: Uint8Array): Kind {
  if (bytes.length === 0) return 'empty'
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return 'jpeg'
  const [start, brand] = [latin1(bytes, 0, 4), latin1(bytes, 8, 12)]
  if (start === '\x89PNG') return 'png'
  if (start === 'GIF8') return 'gif'
  if (start === 'RIFF' && brand === 'WEBP') return 'webp'
  if (['II*\0', 'MM\0*', 'II+\0', 'MM\0+'].includes(start)) return brand === 'CR\x02\0' ? 'raw' : 'tiff'
  if (latin1(bytes, 4, 8) === 'ftyp') return ftypKind(brand)
  return start.startsWith('BM') ? 'bmp' : 'other'
}

function ftypKind(brand: string): Kind {
  if (brand === 'avif' || brand === 'avis') return 'avif'
  return HEIC_BRANDS.includes(brand) ? 'heic' : 'other'
}

function isAnimated(kind: Kind, bytes: Uint8Array): boolean {
  if (kind === 'gif') return gifImages(bytes, 2) > 1
  if (kind === 'png') return pngChunks(bytes).some(({ name }) => name === 'acTL')
  return kind === 'webp' && webpChunks(bytes).some(({ name }) => name === 'ANIM')
}

/** Images in a GIF, counted up to `most`. */
function gifImages(bytes: Uint8Array, most: number): number {
  const tableLength = (flags: number) => (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0)
  let at = 13 + tableLength(bytes[10]!)
  let count = 0
  while (at < bytes.length && count < most && bytes[at] !== 0x3b) {
    if (bytes[at] === 0x2c) {
      count++
      at += 11 + tableLength(bytes[at + 9]!)
    } else at += 2
    while (bytes[at]) at += 1 + bytes[at]!
    at++
  }
  return count
}
