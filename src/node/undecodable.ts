/** What is said of an image that cannot be decoded: in one line, with libvips' own words for the reason. */
import { UserError } from '../errors.ts'
import { Turns } from '../turns.ts'

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
const HEIC = /^....ftyp(heic|heix|hevc|heim|heis)/s

/** How often an image is decoded until what is said is about it. */
const TRIES = 5

/**
 * What `decode` makes of the image file `bytes`. Where it fails, libvips has written why into the one log of the process,
 * all of which goes to whichever decoding asks first, in any thread: of several that fail at the same time one is told the
 * reasons of all, and the others none. So one that is not told its own is done again, after the others.
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
  if (HEIC.test(start))
    throw new UserError(`${name} is a HEIC image, which cannot be read here: convert it to JPEG`)
  const format = FORMATS.find(({ begins }) => begins.test(start))
  if (format) return format
  throw new UserError(`${name} is not an image: JPEG, PNG, WebP, TIFF, GIF and AVIF are read`)
}

/**
 * The first line that can be about this format: never what is said of any, and where libheif looked for something only when
 * there is nothing else.
 */
function wordsOf(error: unknown, format: Format): { why: string; areOwn: boolean } {
  const message = error instanceof Error ? error.message : String(error)
  const [, header, text] = /^(?:Input \w+ (?:has|contains) )?(corrupt header)?:? ?(.*)$/s.exec(message)!
  const others = FORMATS.filter((one) => one !== format)
  const isOwn = (line: string) =>
    !/^(Unknown error|VipsForeignLoad:.*)?$/.test(line) && !others.some(({ words }) => words.test(line))
  const own = text!.split('\n').filter(isOwn)
  const line = own.find((line) => !/bad seek/.test(line)) ?? own[0]
  return { why: [header, line].filter(Boolean).join(': ') || 'damaged', areOwn: line !== undefined }
}

function trouble(why: string, name: string, cause: unknown): UserError {
  if (/pixel limit/i.test(why)) return new UserError(`${name} is too large: at most 268 megapixels are read`)
  const isCut = /premature|truncat|read error|unexpected end|bad seek|unable to parse|cut/i.test(why)
  const what = isCut ? 'is truncated or damaged' : 'cannot be decoded'
  return new UserError(`${name} ${what} (${why})`, 'input', { cause })
}
