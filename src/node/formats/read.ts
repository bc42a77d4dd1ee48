/** Opens image files: what they say of themselves, and their pages or frames one by one. */
import { readFile } from 'node:fs/promises'
import sharp, { type Metadata as Header, type SharpOptions } from 'sharp'
import type { Raster } from '../../color/raster.ts'
import { UserError } from '../../errors.ts'
import { exifBlock } from '../../io/image/exif.ts'
import { type History, PROGRAM } from '../../io/image/history.ts'
import { isProfile, isRgbProfile } from '../../io/image/icc.ts'
import { isJpeg, isWholeJpeg, jpegQuality, withEnd } from '../../io/image/jpeg.ts'
import { type Metadata, readMetadata } from '../../io/image/metadata.ts'
import { isLosslessWebp } from '../../io/image/webp.ts'
import { historyInXmp } from '../../io/image/xmp.ts'
import { decodeOrExplain, isCut } from '../undecodable.ts'
import { decodeHeic, pngIn } from './heic.ts'
import { formatOfBytes, isHeic, type OutputFormat } from './kinds.ts'
import { decodePage } from './page.ts'

export interface OpenOptions {
  /** Whether a file that is cut is read as far as it goes. */
  readonly lenient?: boolean | undefined
}

/** How a file was compressed, as far as a result is to follow it. */
export interface Compression {
  /** Of JPEG, on libjpeg's scale. */
  readonly quality: number | null
  readonly isProgressive: boolean
  /** Of WebP. */
  readonly isLossless: boolean
}

export interface Animation {
  /** Milliseconds for each frame. */
  readonly delay: number[]
  /** How often it is shown; 0 is without end. */
  readonly loop: number
}

export interface OpenPicture {
  readonly name: string
  /** In which it is written when nothing else is asked for. */
  readonly format: OutputFormat
  readonly pages: number
  readonly animation: Animation | null
  /** Of a stored level: 8, 10, 12, 16 or 32. */
  readonly bits: number
  readonly compression: Compression
  readonly metadata: Metadata
  /** Whether its colour profile is damaged. */
  readonly ignoreIcc: boolean
  /** Its RGB colour profile, if it has one that can be used. */
  readonly profile: Uint8Array | null
  /** What is not as it should be, in sentences. */
  readonly remarks: readonly string[]
  /** Pixels of a page, upright and in sRGB. Throws a UserError where they cannot be decoded. */
  page(index: number): Promise<Raster>
}

/**
 * Opens an image file.
 * @param name what errors call it
 * @throws UserError: empty, not an image, damaged, too large, or HEIC without a decoder
 */
export async function openPicture(
  bytes: Uint8Array,
  name: string,
  options: OpenOptions = {},
): Promise<OpenPicture> {
  if (isHeic(bytes)) return openHeic(bytes, name)
  const isOpen = isJpeg(bytes) && !isWholeJpeg(bytes)
  const file = isOpen ? withEnd(bytes) : bytes
  const header = await decodeOrExplain(file, name, () =>
    sharp(file, { failOn: 'none', limitInputPixels: false }).metadata(),
  )
  const { metadata, damaged } = metadataOf(file, header)
  const ignoreIcc = header.icc !== undefined && !isProfile(header.icc)
  const remarks = damaged.map((what) => `the ${what} of ${name} is damaged and is left out`)
  if (ignoreIcc) remarks.push(`the colour profile of ${name} is damaged: its levels are taken for sRGB`)
  const page = (page: number) =>
    readPage(file, name, page, { ignoreIcc, isOpen, ...options, remark: (text) => remarks.push(text) })
  return {
    ...{ name, metadata, remarks, page, ignoreIcc },
    format: formatOfBytes(file),
    pages: header.pages ?? 1,
    animation:
      header.delay && (header.pages ?? 1) > 1 ? { delay: header.delay, loop: header.loop ?? 0 } : null,
    bits: header.bitsPerSample ?? BITS[header.depth] ?? 8,
    compression: {
      quality: isJpeg(file) ? jpegQuality(file) : null,
      isProgressive: header.isProgressive,
      isLossless: header.format === 'webp' && isLosslessWebp(file),
    },
    profile: header.icc && isRgbProfile(header.icc) ? header.icc : null,
  }
}

const BITS: Partial<Record<string, number>> = {
  ushort: 16,
  short: 16,
  float: 32,
  double: 32,
  uint: 32,
  int: 32,
}

function metadataOf(bytes: Uint8Array, { format, exif, xmpAsString }: Header) {
  const { metadata, damaged } = readMetadata(bytes, exif && format === 'heif' ? exifBlock(exif) : null)
  return { damaged, metadata: { ...metadata, xmp: metadata.xmp ?? xmpAsString ?? null } }
}

/** What an image file says of how this program made it; null where it does not, or cannot be read. */
export async function historyOf(file: string): Promise<History | null> {
  const bytes = await readFile(file).catch(() => null)
  return bytes && historyIn(bytes)
}

/** The same of its bytes. */
export async function historyIn(bytes: Uint8Array): Promise<History | null> {
  if (!Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(PROGRAM)) return null
  try {
    const header = await sharp(bytes, { failOn: 'none', limitInputPixels: false }).metadata()
    const { metadata } = metadataOf(bytes, header)
    return metadata.xmp === null ? null : historyInXmp(metadata.xmp)
  } catch {
    return null
  }
}

interface PageOptions extends OpenOptions {
  readonly ignoreIcc: boolean
  /** Whether the end marker was missing: if more is, libjpeg no more than warns of it now. */
  readonly isOpen: boolean
  readonly remark: (sentence: string) => void
}

async function readPage(
  bytes: Uint8Array,
  name: string,
  page: number,
  { ignoreIcc, isOpen, lenient = false, remark }: PageOptions,
): Promise<Raster> {
  const open = (failOn: SharpOptions['failOn']) => () => decodePage(bytes, { page, ignoreIcc, failOn })
  try {
    return await decodeOrExplain(bytes, name, open(isOpen ? 'warning' : 'error'))
  } catch (error) {
    if (!(error instanceof UserError) || !isCut(error)) throw error
    if (!lenient) throw new UserError(error.message, error.trouble, { cause: error.cause, mend: ['lenient'] })
    const raster = await decodeOrExplain(bytes, name, open('none'))
    remark(`${name} is truncated or damaged: it is coloured as far as it goes`)
    return raster
  }
}

async function openHeic(bytes: Uint8Array, name: string): Promise<OpenPicture> {
  const raster = await decodeHeic(bytes, name)
  const header = await sharp(bytes)
    .metadata()
    .catch(() => null)
  const { metadata, damaged } = header ? metadataOf(bytes, header) : readMetadata(bytes)
  const profile = header?.icc && isRgbProfile(header.icc) ? header.icc : null
  const remarks = damaged.map((what) => `the ${what} of ${name} is damaged and is left out`)
  if (header?.icc && !profile)
    remarks.push(`the colour profile of ${name} cannot be used: its levels are taken for sRGB`)
  const upright = { page: 0, ignoreIcc: false, failOn: 'error' } as const
  const converted = async (profile: Uint8Array) => {
    const png = await pngIn(raster, profile)
    return decodeOrExplain(png, name, () => decodePage(png, upright))
  }
  return {
    ...{ name, metadata, remarks, format: 'png', pages: 1, animation: null, bits: 8, profile },
    ignoreIcc: false,
    compression: { quality: null, isProgressive: false, isLossless: false },
    page: async () => (profile ? converted(profile) : raster),
  }
}
