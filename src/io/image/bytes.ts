/** Small helpers for formats that are read and written byte by byte. */

/** Each byte as the character of its number. */
export function latin1(bytes: Uint8Array, start = 0, end = bytes.length): string {
  let text = ''
  for (let at = start; at < end; at += 4096)
    text += String.fromCharCode(...bytes.subarray(at, Math.min(at + 4096, end)))
  return text
}

/** The opposite; characters above 255 are not expected. */
export const latin1Bytes = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0))

export const startsWith = (bytes: Uint8Array, text: string) => latin1(bytes, 0, text.length) === text

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

export const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array) =>
  new DataView(buffer, byteOffset, byteLength)

/** A number in `length` bytes, the highest first. */
export const bigEndian = (value: number, length: 2 | 4) =>
  Uint8Array.from({ length }, (_, i) => (value >>> (8 * (length - 1 - i))) & 255)
