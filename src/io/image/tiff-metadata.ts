/** What is carried over from page to page of TIFF files. */
import { concat, viewOf } from './bytes.ts'
import { fieldsBelow } from './exif.ts'
import { type Directory, type Field, Tiff, TiffEdit } from './tiff.ts'

export const TIFF_TAGS = { xResolution: 282, xmp: 700, iptc: 33723, photoshop: 34377, icc: 34675 } as const

/** How pixels are stored, which is another matter in another file, and what is carried over in a way of its own. */
const NOT_CARRIED = new Set([
  ...[254, 255, 256, 257, 258, 259, 262, 263, 264, 265, 266, 273, 274, 277, 278, 279, 280, 281, 284],
  ...[288, 289, 290, 291, 292, 293, 300, 301, 317, 318, 319, 320, 321, 322, 323, 324, 325, 326, 327, 328],
  ...[330, 332, 333, 334, 336, 337, 338, 339, 340, 341, 342, 343, 344, 345, 346, 347, 351, 433, 512, 513],
  ...[514, 515, 517, 518, 519, 520, 521, 529, 530, 531, 532, 559, 34675],
  ...[TIFF_TAGS.xmp, TIFF_TAGS.iptc, TIFF_TAGS.photoshop],
])

export const isCarried = ({ tag }: Field) => !NOT_CARRIED.has(tag)

/** Fields of a page that say something of the picture, in the byte order of the file. */
export const keptFields = (tiff: Tiff, directory: Directory): Field[] =>
  fieldsBelow(tiff, directory, tiff.little).filter(isCarried)

/**
 * The file, in parts, whose page i has the fields `pages[i]` as well, or instead of its own.
 * @param bytes little-endian; they are changed themselves
 */
export function withPageFields(bytes: Uint8Array, pages: readonly (readonly Field[])[]): Uint8Array[] {
  const tiff = new Tiff(bytes)
  const directories = [...tiff.directories()]
  const edit = new TiffEdit(bytes)
  let pointer = 4
  for (const [i, { fields, entries }] of directories.entries()) {
    const added = pages[i] ?? []
    const isReplaced = ({ tag }: Field) => added.some((field) => field.tag === tag)
    const next = tiff.long(entries + 12 * tiff.short(entries - 2))
    pointer = edit.replace({ pointer }, [...fields.filter((field) => !isReplaced(field)), ...added], next)
  }
  return edit.finish()
}

/** Fields with offsets of the pixels: of strips and of tiles. */
const PLACES: readonly number[] = [273, 324]

/** One file of several, each with one page: little-endian, and changed themselves. */
export function mergedPages(files: readonly Uint8Array[]): Uint8Array {
  const whole = files[0]!
  const edit = new TiffEdit(whole)
  let pointer = nextPointer(new Tiff(whole))
  for (const file of files.slice(1)) {
    const tiff = new Tiff(file)
    const [{ fields }] = [...tiff.directories()] as [Directory]
    const start = edit.append(file)
    pointer = edit.replace(
      { pointer },
      fields.map((field) => (PLACES.includes(field.tag) ? moved(field, start) : field)),
      0,
    )
  }
  return concat(edit.finish())
}

/** Where the offset of a second page stands in a file with one. */
function nextPointer(tiff: Tiff): number {
  const [{ entries }] = [...tiff.directories()] as [Directory]
  return entries + 12 * tiff.short(entries - 2)
}

/** The field with offsets that are larger by `by`, as LONGs. */
function moved({ tag, type, count, value }: Field, by: number): Field {
  const [from, to] = [viewOf(value), new Uint8Array(4 * count)]
  for (let i = 0; i < count; i++)
    viewOf(to).setUint32(
      4 * i,
      by + (type === 3 ? from.getUint16(2 * i, true) : from.getUint32(4 * i, true)),
      true,
    )
  return { tag, type: 4, count, value: to }
}
