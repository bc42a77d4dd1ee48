/** Image resource blocks, in which JPEG files hold IPTC. Source: Adobe Photoshop file formats specification, "Image Resources". */
import { bigEndian, concat, latin1, latin1Bytes, viewOf } from './bytes.ts'

interface Resource {
  readonly id: number
  /** All of it, with its head. */
  readonly whole: Uint8Array
  readonly data: Uint8Array
}

const IPTC = 0x0404
/** Small pictures, of what was grey. */
const THUMBNAILS = [0x0409, 0x040c]
const SIGNATURE = '8BIM'

/** The blocks; fewer where they are damaged. */
function* resources(bytes: Uint8Array): Generator<Resource> {
  for (let at = 0; at + 12 <= bytes.length && latin1(bytes, at, at + 4) === SIGNATURE; ) {
    const name = bytes[at + 6]! + 1
    const head = at + 6 + name + (name & 1)
    if (head + 4 > bytes.length) return
    const length = viewOf(bytes).getUint32(head)
    const end = head + 4 + length
    if (end > bytes.length) return
    const whole = bytes.subarray(at, Math.min(bytes.length, end + (length & 1)))
    yield { id: viewOf(bytes).getUint16(at + 4), whole, data: bytes.subarray(head + 4, end) }
    at = end + (length & 1)
  }
}

const without = (blocks: Uint8Array, ids: readonly number[]) =>
  concat([...resources(blocks)].filter(({ id }) => !ids.includes(id)).map(({ whole }) => whole))

/** All blocks but pictures. */
export const withoutThumbnails = (blocks: Uint8Array) => without(blocks, THUMBNAILS)

/** All blocks but IPTC, which TIFF files hold beside them. */
export const withoutIptc = (blocks: Uint8Array) => without(blocks, [IPTC])

export const iptcOf = (blocks: Uint8Array) =>
  [...resources(blocks)].find(({ id }) => id === IPTC)?.data ?? null

/** The blocks with this IPTC in place of their own. */
export const withIptc = (blocks: Uint8Array, iptc: Uint8Array) =>
  concat([
    withoutIptc(blocks),
    latin1Bytes(SIGNATURE),
    bigEndian(IPTC, 2),
    new Uint8Array(2),
    bigEndian(iptc.length, 4),
    iptc,
    new Uint8Array(iptc.length & 1),
  ])
