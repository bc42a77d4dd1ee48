/**
 * Directories of TIFF files, which EXIF is written in as well. Source: TIFF revision 6.0, section 2.
 *
 * Nothing that stands in a file is moved when a directory is changed: the new one is appended, and what pointed to the old
 * one points to it. So offsets that only the maker of a camera knows of stay right.
 */
import { concat, latin1, viewOf } from './bytes.ts'

/** A field with its value's bytes, or one that points to a directory of fields. */
export interface Field {
  readonly tag: number
  readonly type: number
  readonly count: number
  /** In the byte order of the file it is read from or written to. */
  readonly value: Uint8Array
  /** In place of a value. */
  readonly fields?: readonly Field[]
}

export interface Directory {
  readonly fields: readonly Field[]
  /** Where the offset of this directory stands, which is changed to put another one in its place. */
  readonly pointer: number
  /** Where the entries stand: 12 bytes each. */
  readonly entries: number
}

/** Bytes of one value of each type, by its number. */
const SIZES = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8]
/** Bytes of the parts that turn round with the byte order. */
const PARTS = [0, 1, 1, 2, 4, 4, 1, 1, 2, 4, 4, 4, 8]
const [ASCII, SHORT, LONG] = [2, 3, 4]
/** Of pixels in a file, whose offsets have 32 bits; with room for what stands beside them. */
export const MOST_PIXEL_BYTES = 2 ** 32 - 2 ** 24
/** More pages or nested directories than that are taken for a circle. */
const MOST_DIRECTORIES = 10_000

export class Tiff {
  readonly little: boolean
  readonly #view: DataView

  /** Throws a RangeError where the bytes are no classic TIFF. */
  constructor(readonly bytes: Uint8Array) {
    const order = latin1(bytes, 0, 2)
    this.little = order === 'II'
    this.#view = viewOf(bytes)
    if ((!this.little && order !== 'MM') || this.short(2) !== 42) throw new RangeError('not a TIFF')
  }

  short(at: number): number {
    return this.#view.getUint16(at, this.little)
  }

  long(at: number): number {
    return this.#view.getUint32(at, this.little)
  }

  /** All directories of the chain that begins in the header. Throws a RangeError where they are damaged. */
  *directories(): Generator<Directory> {
    let pointer = 4
    for (let n = 0; this.long(pointer) !== 0; n++) {
      if (n === MOST_DIRECTORIES) throw new RangeError('directories without an end')
      const directory = this.directory(pointer)
      yield directory
      pointer = directory.entries + 12 * this.short(directory.entries - 2)
      if (pointer + 4 > this.bytes.length) return // cameras leave out the last pointer
    }
  }

  /** The directory whose offset stands at `pointer`. Throws a RangeError where it is damaged. */
  directory(pointer: number): Directory {
    const start = this.long(pointer)
    const entries = start + 2
    const fields = Array.from({ length: this.short(start) }, (_, i) => this.#field(entries + 12 * i))
    return { fields: fields.filter((field) => field !== null), pointer, entries }
  }

  /** null for types that are not known, whose length nobody can tell. */
  #field(at: number): Field | null {
    const [tag, type, count] = [this.short(at), this.short(at + 2), this.long(at + 4)]
    const length = (SIZES[type] ?? 0) * count
    if (length === 0) return null
    const start = length <= 4 ? at + 8 : this.long(at + 8)
    if (start + length > this.bytes.length) throw new RangeError('a field reaches behind the end')
    return { tag, type, count, value: this.bytes.subarray(start, start + length) }
  }

  /** Where the entry of a tag stands; null where there is none. */
  entry({ entries }: Directory, tag: number): number | null {
    for (let i = 0; i < this.short(entries - 2); i++)
      if (this.short(entries + 12 * i) === tag) return entries + 12 * i
    return null
  }

  /** A field of one SHORT or LONG; null for any other. */
  number({ fields }: Pick<Directory, 'fields'>, tag: number): number | null {
    const field = fields.find((one) => one.tag === tag)
    if (field?.count !== 1 || (field.type !== SHORT && field.type !== LONG)) return null
    const view = viewOf(field.value)
    return field.type === SHORT ? view.getUint16(0, this.little) : view.getUint32(0, this.little)
  }
}

export const shortField = (tag: number, number: number, little: boolean): Field => {
  const value = new Uint8Array(2)
  viewOf(value).setUint16(0, number, little)
  return { tag, type: SHORT, count: 1, value }
}

export const textField = (tag: number, text: string): Field => {
  const value = new TextEncoder().encode(`${text}\0`)
  return { tag, type: ASCII, count: value.length, value }
}

export const bytesField = (tag: number, value: Uint8Array, type = 7): Field => ({
  ...{ tag, type, value },
  count: value.length / SIZES[type]!,
})

export const directoryField = (tag: number, fields: readonly Field[]): Field => ({
  ...{ tag, type: LONG, count: 1, value: new Uint8Array(4) },
  fields,
})

/** The value in the other byte order. */
export function swapped({ type, value, ...rest }: Field): Field {
  const part = PARTS[type]!
  const turned = value.map((_, i) => value[i - (i % part) + part - 1 - (i % part)]!)
  return { type, value: turned, ...rest }
}

/** A TIFF block of one directory alone. */
export function tiffOf(fields: readonly Field[], little = true): Uint8Array {
  const block = new TiffEdit(
    Uint8Array.from(little ? [73, 73, 42, 0, 0, 0, 0, 0] : [77, 77, 0, 42, 0, 0, 0, 0]),
  )
  block.replace({ pointer: 4 }, fields, 0)
  return concat(block.finish())
}

/** Collects changes of a TIFF file. */
export class TiffEdit {
  readonly #parts: Uint8Array[]
  readonly #tiff: Tiff
  #length: number

  /** @param bytes are changed themselves. Throws a RangeError where they are no classic TIFF. */
  constructor(bytes: Uint8Array) {
    this.#tiff = new Tiff(bytes)
    this.#parts = [bytes]
    this.#length = bytes.length
  }

  /**
   * Puts `fields` in the place of a directory.
   * @param next where the next directory stands; 0 for none
   * @returns where the offset of the next directory stands now
   */
  replace({ pointer }: Pick<Directory, 'pointer'>, fields: readonly Field[], next: number): number {
    const start = this.#directory(fields, next)
    this.long(pointer, start)
    return start + 2 + 12 * fields.length
  }

  /** Sets four bytes; `at` may be what `replace` has returned. */
  long(at: number, value: number): void {
    let start = 0
    for (const part of this.#parts) {
      const end = start + part.length
      if (at >= start && at < end) viewOf(part).setUint32(at - start, value, this.#tiff.little)
      start = end
    }
  }

  /** Sets the number in a field of one SHORT or LONG where it stands; another field stays as it is. */
  number(directory: Directory, tag: number, value: number): void {
    const at = this.#tiff.entry(directory, tag)
    if (at === null || this.#tiff.number(directory, tag) === null) return
    const view = viewOf(this.#parts[0]!)
    if (this.#tiff.short(at + 2) === SHORT) view.setUint16(at + 8, Math.min(value, 0xffff), this.#tiff.little)
    else view.setUint32(at + 8, value, this.#tiff.little)
  }

  /** The file, in parts. */
  finish(): Uint8Array[] {
    return this.#parts
  }

  /** Appends a directory and says where. */
  #directory(fields: readonly Field[], next: number): number {
    const { little } = this.#tiff
    const table = new Uint8Array(2 + 12 * fields.length + 4)
    const view = viewOf(table)
    view.setUint16(0, fields.length, little)
    const sorted = fields.toSorted((a, b) => a.tag - b.tag)
    for (const [i, { tag, type, count, value, fields: nested }] of sorted.entries()) {
      const at = 2 + 12 * i
      view.setUint16(at, tag, little)
      view.setUint16(at + 2, type, little)
      view.setUint32(at + 4, count, little)
      if (nested) view.setUint32(at + 8, this.#directory(nested, 0), little)
      else if (value.length <= 4) table.set(value, at + 8)
      else view.setUint32(at + 8, this.append(value), little)
    }
    view.setUint32(table.length - 4, next, little)
    return this.append(table)
  }

  /** Appends bytes and says where: at an even offset, as TIFF wants it. */
  append(part: Uint8Array): number {
    if (this.#length % 2) this.#add(new Uint8Array(1))
    const at = this.#length
    this.#add(part)
    return at
  }

  #add(part: Uint8Array): void {
    this.#parts.push(part)
    this.#length += part.length
  }
}
