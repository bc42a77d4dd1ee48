/** Errors about images that cannot be decoded: one line, with the reason in libvips' own words. */
import { UserError } from '../errors.ts'
import { Turns } from '../turns.ts'
import { isHeic, isRawName, unreadFormat } from './formats/kinds.ts'

interface Format {
  /** How its files begin: in Latin-1, `.` for any byte. */
  readonly begins: RegExp
  /** How libvips' words about one of them begin. */
  readonly words: RegExp
}

/** What is read. */
const FORMATS: readonly Format[] = [
  { begins: /^\xff\xd8\xff/, words: /^VipsJpeg/ },
  { begins: /^\x89PNG/, words: /^(vips)?png/ },
  { begins: /^RIFF....WEBP/s, words: /^webp/ },
  { begins: /^(II\*\0|MM\0\*|II\+\0|MM\0\+)/, words: /^(vips__)?tiff/i },
  { begins: /^GIF8/, words: /^gif/ },
  { begins: /^....ftyp/s, words: /^(heif|source: bad seek)/ },
]

/** How often an image is decoded at most, until libvips' log speaks of this image. */
const TRIES = 5

/**
 * Returns what `decode` makes of the image file `bytes`. When it fails, libvips has written the reason into a log that the
 * whole process shares, and the first decoding that asks empties the log. When several fail at the same time, one gets the
 * reasons of all and the others get none. So a decoding that does not find its own reason is repeated, after the others.
 * @param name what errors call it
 * @throws UserError: empty, not an image, or what sharp says of it
 */
export async function decodeOrExplain<T>(
  bytes: Uint8Array,
  name: string,
  decode: () => Promise<T>,
): Promise<T> {
  const format = formatOf(bytes, name)
  for (let tries = 1; ; tries++) {
    try {
      return await (tries === 1 ? decode() : turns.take(decode))
    } catch (error) {
      const { why, areOwn } = wordsOf(error, format)
      if (areOwn || tries === TRIES) throw trouble(why, name, error)
    }
  }
}

const turns = new Turns()

function formatOf(bytes: Uint8Array, name: string): Format {
  if (bytes.length === 0) throw new UserError(`${name} is empty (0 bytes)`)
  const start = Buffer.from(bytes.subarray(0, 16)).toString('latin1')
  if (isHeic(bytes))
    throw new UserError(`${name} is a HEIC image, which cannot be read here: convert it to JPEG`)
  const unread = isRawName(name) ? "a camera's raw file" : unreadFormat(bytes)
  const format = FORMATS.find(({ begins }) => begins.test(start))
  if (format && !unread) return format
  if (unread) throw new UserError(`${name} is ${unread}, which is not read: convert it to TIFF or PNG`)
  throw new UserError(`${name} is not an image: JPEG, PNG, WebP, TIFF, GIF and AVIF are read`)
}

/**
 * The first line of the log that can be about this format. Lines that fit any format do not count. A line about libheif's
 * search for something counts only when there is no other.
 */
function wordsOf(error: unknown, format: Format): { why: string; areOwn: boolean } {
  const message = error instanceof Error ? error.message : String(error)
  const [, header, text] = /^(?:Input \w+ (?:has|contains) )?(corrupt header)?:? ?(.*)$/s.exec(message)!
  const others = FORMATS.filter((one) => one !== format)
  const isOwn = (line: string) =>
    !/^(Unknown error|VipsForeignLoad:.*|Warning treated as error.*)?$/.test(line) &&
    !others.some(({ words }) => words.test(line))
  const own = text!.split('\n').filter(isOwn)
  const line = own.find((line) => !/bad seek/.test(line)) ?? own[0]
  return { why: [header, line].filter(Boolean).join(': ') || 'damaged', areOwn: line !== undefined }
}

const CUT =
  /premature|truncat|read error|unexpected end|bad seek|unable to parse|unsupported image format|cut/i
const TRUNCATED = 'is truncated or damaged'

/** Whether an error of `decodeOrExplain` is about a file of which a part may be there. */
export const isCut = (error: UserError) => error.message.includes(TRUNCATED)

function trouble(why: string, name: string, cause: unknown): UserError {
  if (/pixel limit/i.test(why)) return new UserError(`${name} is too large: at most 268 megapixels are read`)
  const what = CUT.test(why) ? TRUNCATED : 'cannot be decoded'
  return new UserError(`${name} ${what} (${why})`, 'input', { cause })
}
