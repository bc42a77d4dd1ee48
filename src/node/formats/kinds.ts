/** Which image files are read and which are written, by the endings of their names and by their first bytes. */
import { extname } from 'node:path'
import { UserError } from '../../errors.ts'
import { latin1 } from '../../io/image/bytes.ts'

export const OUTPUT_FORMATS = ['jpeg', 'png', 'webp', 'tiff', 'avif', 'gif'] as const
export type OutputFormat = (typeof OUTPUT_FORMATS)[number]

/** Formats by the endings of names; the first ending of each is that of new names. */
const ENDINGS: Readonly<Record<string, OutputFormat>> = {
  '.jpg': 'jpeg',
  '.jpeg': 'jpeg',
  '.jpe': 'jpeg',
  '.jfif': 'jpeg',
  '.png': 'png',
  '.webp': 'webp',
  '.tif': 'tiff',
  '.tiff': 'tiff',
  '.avif': 'avif',
  '.gif': 'gif',
}

/** Endings of photographs that are read, and written in the same format: those that a folder is searched for. */
export const WRITTEN_ENDINGS: readonly string[] = Object.keys(ENDINGS)

/** Endings of what may be readable, where a decoder is there; results are PNG files. */
const HEIC_ENDINGS = ['.heic', '.heif', '.hif'] as const

/** Endings of all photographs that may be readable. */
export const READ_ENDINGS: readonly string[] = [...WRITTEN_ENDINGS, ...HEIC_ENDINGS]

/** Endings of cameras' raw files. Many of them are TIFF files whose first page is a small preview. */
const RAW_ENDINGS: readonly string[] = [
  ...['.dng', '.cr2', '.cr3', '.crw', '.nef', '.nrw', '.arw', '.sr2', '.raf', '.orf', '.rw2', '.pef', '.srw'],
  ...['.3fr', '.iiq', '.erf', '.kdc', '.mos'],
]

/** Whether the name is that of a camera's raw file. */
export const isRawName = (path: string): boolean => RAW_ENDINGS.includes(extname(path).toLowerCase())

/**
 * Endings of pictures that are not read. In a folder they are named with the reason, since whoever coloured it would otherwise
 * believe that all of its pictures are done.
 */
const UNREAD_ENDINGS: readonly string[] = [
  ...RAW_ENDINGS,
  ...['.bmp', '.dib', '.jp2', '.j2k', '.jpx', '.jpf', '.jxl', '.psd', '.psb', '.tga', '.pcx'],
  ...['.ppm', '.pgm', '.pbm', '.exr', '.hdr'],
]

/** Endings of all files of a folder that look like pictures. */
export const PICTURE_ENDINGS: readonly string[] = [...READ_ENDINGS, ...UNREAD_ENDINGS]

/** The format that a file name's ending asks for; undefined when it asks for none. */
export const formatOfEnding = (path: string): OutputFormat | undefined => ENDINGS[extname(path).toLowerCase()]

/** As `formatOfEnding`. Throws UserError (trouble 'usage') when it asks for none. */
export function formatOfName(path: string): OutputFormat {
  const format = formatOfEnding(path)
  if (format) return format
  throw new UserError(`cannot write ${path}: its name must end in ${WRITTEN_ENDINGS.join(', ')}`, 'usage')
}

/**
 * The name of a coloured picture: that of the photograph, with another ending where `format` is another, or where the
 * photograph's own format is not written and a PNG takes its place.
 */
export function outputName(name: string, format?: OutputFormat): string {
  const ending = extname(name)
  const own = formatOfEnding(name)
  if (own && (format ?? own) === own) return name
  const wanted = WRITTEN_ENDINGS.find((one) => ENDINGS[one] === (format ?? 'png'))!
  return `${name.slice(0, name.length - ending.length)}${wanted}`
}

/** The format in which a file is written when nothing else is asked for: its own, or PNG. */
export function formatOfBytes(bytes: Uint8Array): OutputFormat {
  const start = latin1(bytes, 0, 12)
  if (start.startsWith('\xff\xd8')) return 'jpeg'
  if (start.startsWith('RIFF') && start.endsWith('WEBP')) return 'webp'
  if (start.startsWith('GIF8')) return 'gif'
  if (/^....ftypavi[fs]/s.test(start)) return 'avif'
  return /^(II\*\0|MM\0\*|II\+\0|MM\0\+)/.test(start) ? 'tiff' : 'png'
}

/** Some name a brand of all such containers first, and HEIC among the others. */
const HEIC = /^....ftyp(?:(?:mif1|msf1)(?:.{4})+?)?(?:heic|heix|hevc|hevx|heim|heis|hevm|hevs)/s
/** Bytes in which a file names its brands. */
const BRANDS = 48
export const isHeic = (bytes: Uint8Array) => HEIC.test(latin1(bytes, 0, BRANDS))

/** Which format that is not read the first bytes are of; null where they are not known. */
export function unreadFormat(bytes: Uint8Array): string | null {
  const start = latin1(bytes, 0, 16)
  return UNREAD.find(({ begins }) => begins.test(start))?.name ?? null
}

/** `.` stands for any byte. */
const UNREAD: readonly { begins: RegExp; name: string }[] = [
  { begins: /^BM/, name: 'a BMP image' },
  { begins: /^....jP {2}|^\xff\x4f\xff\x51/s, name: 'a JPEG 2000 image' },
  { begins: /^\xff\n|^....JXL /s, name: 'a JPEG XL image' },
  { begins: /^8BPS/, name: 'a Photoshop document' },
  { begins: /^P[1-7]\s/, name: 'a portable anymap' },
  { begins: /^....ftypcrx |^IIRO|^FUJIFILMCCD|^II....HEAPCCDR|^IIU\0/s, name: "a camera's raw file" },
  { begins: /^v\/1./s, name: 'an OpenEXR image' },
  { begins: /^%PDF/, name: 'a PDF document' },
]
