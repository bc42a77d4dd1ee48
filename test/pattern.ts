import type { Photo } from '../src/color/photo.ts'

/** A grey picture that is computed, so that no decoder and no resizer has a say in what a classifier sees. */
export function patternPhoto(size: number): Photo {
  const levels = Array.from({ length: size * size }, (_, i) => {
    const [x, y] = [i % size, Math.floor(i / size)]
    return (x * y * 3 + (x >> 3) * 17 + (y >> 4) * 29 + (((x - y) * (x - y)) >> 5)) & 255
  })
  const rgb = Uint8Array.from(levels.flatMap((level) => [level, level, level]))
  return { width: size, height: size, rgb }
}
