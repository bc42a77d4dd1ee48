import { abOf } from '../../../src/infer/hints.ts'
import type { PossibleColour } from '../../../src/web/index.ts'

/** Colours nearer than this in ab units look the same on a swatch. */
const APART = 14

/** The likeliest of colours that differ from each other. @param colours the likeliest first */
export function distinctColours(colours: readonly PossibleColour[], most: number): PossibleColour[] {
  const taken: { readonly colour: PossibleColour; readonly a: number; readonly b: number }[] = []
  for (const colour of colours) {
    if (taken.length === most) break
    const { a, b } = abOf(colour.color)
    if (taken.every((other) => Math.hypot(other.a - a, other.b - b) >= APART)) taken.push({ colour, a, b })
  }
  return taken.map(({ colour }) => colour)
}
