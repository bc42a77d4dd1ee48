/** Texts in GIF files. Sources: GIF89a specification; XMP specification, part 3, 1.1.2. */
import { latin1, latin1Bytes } from './bytes.ts'

const [EXTENSION, APPLICATION, IMAGE, TRAILER] = [0x21, 0xff, 0x2c, 0x3b]
const XMP = '\x0bXMP DataXMP'
/** Brings readers that take the text for blocks with lengths to its end, wherever they are. */
const MAGIC = Uint8Array.from({ length: 258 }, (_, i) => (i === 0 ? 1 : i < 257 ? 256 - i : 0))

const tableLength = (flags: number) => (flags & 0x80 ? 3 << ((flags & 7) + 1) : 0)
const firstBlock = (bytes: Uint8Array) => 13 + tableLength(bytes[10] ?? 0)

/** The XMP of a file; null where there is none. */
export function gifXmp(bytes: Uint8Array): string | null {
  for (let at = firstBlock(bytes); at < bytes.length && bytes[at] !== TRAILER; ) {
    if (bytes[at] === EXTENSION) {
      const start = at + 2 + XMP.length
      if (bytes[at + 1] === APPLICATION && latin1(bytes, at + 2, start) === XMP) {
        const end = bytes.indexOf(1, start) // the first byte of the trailer, which no text has in it
        return end < 0 ? null : new TextDecoder().decode(bytes.subarray(start, end))
      }
      at = behindBlocks(bytes, at + 2)
    } else if (bytes[at] === IMAGE) at = behindBlocks(bytes, at + 10 + tableLength(bytes[at + 9]!) + 1)
    else return null
  }
  return null
}

/** Behind a chain of blocks, each with its length before it. */
function behindBlocks(bytes: Uint8Array, at: number): number {
  while (bytes[at]) at += bytes[at]! + 1
  return at + 1
}

/** The file, in parts, with XMP. */
export function withGifXmp(bytes: Uint8Array, xmp: string): Uint8Array[] {
  const at = firstBlock(bytes)
  const extension = [
    Uint8Array.of(EXTENSION, APPLICATION),
    latin1Bytes(XMP),
    new TextEncoder().encode(xmp),
    MAGIC,
  ]
  return [bytes.subarray(0, at), ...extension, bytes.subarray(at)]
}
