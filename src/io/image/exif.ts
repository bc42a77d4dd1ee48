/** EXIF of a photograph that becomes a coloured one. Source: CIPA DC-008 (Exif 2.32), tables 4 to 17. */
import type { Size } from '../../rect.ts'
import { concat, startsWith } from './bytes.ts'
import { type Density, densityFields, densityOf } from './density.ts'
import {
  type Directory,
  directoryField,
  type Field,
  swapped,
  Tiff,
  TiffEdit,
  textField,
  tiffOf,
} from './tiff.ts'

const TAGS = {
  width: 0x100,
  height: 0x101,
  orientation: 0x112,
  software: 0x131,
  exif: 0x8769,
  gps: 0x8825,
  interoperability: 0xa005,
  colorSpace: 0xa001,
  pixelWidth: 0xa002,
  pixelHeight: 0xa003,
} as const

/** Fields that point to directories of their own. */
const NESTED: readonly number[] = [TAGS.exif, TAGS.gps, TAGS.interoperability]
const SRGB = 1

export interface ExifChange extends Size {
  /** Replaces the field Software, where it is given. */
  readonly software: string | null
  /** Whether the pixels are in sRGB now. */
  readonly isSrgb: boolean
}

/** What a program reads out of an EXIF block before it is changed. */
export interface ExifFacts {
  readonly software: string | null
  readonly density: Density | null
}

/** Throws a RangeError where anything in the block is damaged. */
export function exifFacts(block: Uint8Array): ExifFacts {
  const tiff = new Tiff(block)
  const [first] = tiff.directories()
  if (!first) return { software: null, density: null }
  fieldsBelow(tiff, first, tiff.little)
  const software = first.fields.find(({ tag }) => tag === TAGS.software)
  const text = software && new TextDecoder().decode(software.value).replace(/\0.*$/s, '').trim()
  return { software: text || null, density: densityOf(tiff, first) }
}

/**
 * The block of a picture that stands upright and has `change`'s size. The small picture of the first directory's successor is
 * left out, for it is grey. Throws a RangeError where the block is damaged.
 */
export function changedExif(block: Uint8Array, { width, height, software, isSrgb }: ExifChange): Uint8Array {
  const tiff = new Tiff(block)
  const [first] = tiff.directories()
  if (!first) return tiffOf(software === null ? [] : [textField(TAGS.software, software)])
  const copy = new Uint8Array(block) // slice() of a Node Buffer would share its memory
  const edit = new TiffEdit(copy)
  const camera = nested(tiff, first, TAGS.exif)
  if (camera) {
    edit.number(camera, TAGS.pixelWidth, width)
    edit.number(camera, TAGS.pixelHeight, height)
    if (isSrgb) edit.number(camera, TAGS.colorSpace, SRGB)
  }
  edit.number(first, TAGS.width, width)
  edit.number(first, TAGS.height, height)
  edit.number(first, TAGS.orientation, 1)
  if (software === null) edit.long(first.entries + 12 * tiff.short(first.entries - 2), 0)
  else {
    const { fields } = new Tiff(copy).directory(first.pointer) // changed where they stand
    const others = fields.filter(({ tag }) => tag !== TAGS.software)
    edit.replace(first, [...others, textField(TAGS.software, software)], 0)
  }
  return concat(edit.finish())
}

/** A block for a picture that had none. */
export const newExif = (software: string | null, density: Density | null) =>
  tiffOf([
    ...(density ? densityFields(density) : []),
    ...(software === null ? [] : [textField(TAGS.software, software)]),
  ])

/** The fields of a block's first directory with those below, in little-endian byte order. Throws a RangeError where it is damaged. */
export function exifFields(block: Uint8Array): Field[] {
  const tiff = new Tiff(block)
  const [first] = tiff.directories()
  return first ? fieldsBelow(tiff, first, true) : []
}

/** Fields of a directory, with those of the directories that they point to. What points nowhere is left out. */
export function fieldsBelow(tiff: Tiff, directory: Directory, little: boolean): Field[] {
  return directory.fields.flatMap((field) => {
    if (!NESTED.includes(field.tag)) return tiff.little === little ? field : swapped(field)
    const below = nested(tiff, directory, field.tag)
    return below ? directoryField(field.tag, fieldsBelow(tiff, below, little)) : []
  })
}

/** The directory that a field points to; null where there is none, or it is damaged. */
export function nested(tiff: Tiff, directory: Directory, tag: number): Directory | null {
  const at = tiff.entry(directory, tag)
  const start = tiff.number(directory, tag)
  if (at === null || start === null || start === 0) return null
  return tiff.directory(at + 8)
}

const PREFIX = 'Exif\0\0'
/** The TIFF block of what JPEG and others store, which begins with "Exif". */
export const exifBlock = (stored: Uint8Array) =>
  startsWith(stored, PREFIX) ? stored.subarray(PREFIX.length) : stored
