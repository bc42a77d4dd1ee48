/** What is asked of ICC profiles themselves. Source: ICC.1:2022, sections 7 and 10. */
import { latin1, viewOf } from './bytes.ts'

const HEADER = 128

/** Whether the bytes can be a profile at all. */
export function isProfile(bytes: Uint8Array): boolean {
  if (bytes.length < HEADER + 4 || latin1(bytes, 36, 40) !== 'acsp') return false
  const count = viewOf(bytes).getUint32(HEADER)
  return viewOf(bytes).getUint32(0) <= bytes.length && HEADER + 4 + 12 * count <= bytes.length
}

export const isRgbProfile = (bytes: Uint8Array) => isProfile(bytes) && latin1(bytes, 16, 20) === 'RGB '

/** Light, 0…1, of a grey value, 0…1, by the curve of a grey profile; null for other profiles and for curves that are not known. */
export function grayCurve(bytes: Uint8Array): ((value: number) => number) | null {
  if (!isProfile(bytes) || latin1(bytes, 16, 20) !== 'GRAY') return null
  const view = viewOf(bytes)
  for (let i = 0; i < view.getUint32(HEADER); i++) {
    const at = HEADER + 4 + 12 * i
    const [start, length] = [view.getUint32(at + 4), view.getUint32(at + 8)]
    if (latin1(bytes, at, at + 4) === 'kTRC' && start + length <= bytes.length)
      return curveOf(bytes.subarray(start, start + length))
  }
  return null
}

function curveOf(tag: Uint8Array): ((value: number) => number) | null {
  const view = viewOf(tag)
  const type = latin1(tag, 0, 4)
  if (type === 'para' && tag.length >= 16 && view.getUint16(8) === 0) return power(view.getInt32(12) / 65536)
  if (type !== 'curv' || tag.length < 12) return null
  const count = view.getUint32(8)
  if (tag.length < 12 + 2 * count) return null
  if (count === 0) return power(1)
  if (count === 1) return power(view.getUint16(12) / 256)
  return (value) => {
    const place = value * (count - 1)
    const before = Math.min(count - 2, Math.floor(place))
    const [from, to] = [view.getUint16(12 + 2 * before), view.getUint16(14 + 2 * before)]
    return (from + (place - before) * (to - from)) / 65535
  }
}

const power = (gamma: number) => (value: number) => value ** gamma
