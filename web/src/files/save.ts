/** Files that the page gives. */
import { make } from '../elements.ts'

export const FORMATS = [
  { type: 'image/jpeg', name: 'JPEG', extension: 'jpg' },
  { type: 'image/png', name: 'PNG', extension: 'png' },
  { type: 'image/webp', name: 'WebP', extension: 'webp' },
] as const

/** Of JPEG and WebP. */
export const QUALITY = 0.92
/** Milliseconds for which a browser may still read what it is told to save. */
const KEPT = 60_000

export const extensionOf = (type: string): string =>
  FORMATS.find((format) => format.type === type)?.extension ?? 'png'

/** Gives a file to the browser's downloads. */
export function save(file: Blob, name: string): void {
  const link = make('a', { href: URL.createObjectURL(file), download: name })
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), KEPT)
}

/** Names that differ: of those that are the same, the later ones are numbered. */
export function distinctNames(): (name: string, extension: string) => string {
  const taken = new Set<string>()
  return (name, extension) => {
    let full = `${name}.${extension}`
    for (let n = 2; taken.has(full.toLowerCase()); n++) full = `${name}-${n}.${extension}`
    taken.add(full.toLowerCase())
    return full
  }
}
