/** Colours that a person has told, as JSON: docs/hints.md describes the format. */
import * as v from 'valibot'
import { UserError } from '../errors.ts'
import type { Size } from '../rect.ts'

const VERSION = 1
/** How much the shapes of two sizes of one picture may differ, since sides are whole numbers: a share of the ratio of the sides. */
const SHAPE_TOLERANCE = 0.02

/** A colour at a place of a picture. */
export interface Hint {
  /** As a fraction of the width, from the left. */
  readonly x: number
  /** As a fraction of the height, from the top. */
  readonly y: number
  /** sRGB, "#rrggbb". Its lightness does not count: that is the photograph's. */
  readonly color: string
  /** How far around the place the colour holds, as a fraction of the shorter side; 0 by default. */
  readonly radius?: number | undefined
}

/** What a file holds: hints, and the size of the picture for which they were made. */
export interface HintFile extends Size {
  /** What errors call it. */
  readonly name: string
  readonly hints: readonly Hint[]
}

const within = (most: number, expected: string) =>
  v.pipe(v.number(expected), v.minValue(0, expected), v.maxValue(most, expected))
const COLOR = 'a hint\'s color is written "#rrggbb", in hexadecimal digits'
const color = v.pipe(v.string(COLOR), v.regex(/^#[0-9a-f]{6}$/i, COLOR))

/** A `Hint`. */
export const hintSchema = hintOf(
  { width: 1, height: 1 },
  {
    x: "a hint's x is a fraction of the width, from 0 to 1",
    y: "a hint's y is a fraction of the height, from 0 to 1",
    radius: "a hint's radius is a fraction of the shorter side, from 0 to 1",
  },
)

/** A hint whose place is measured from 0 to these sides. */
function hintOf({ width, height }: Size, expected: { x: string; y: string; radius: string }) {
  return v.strictObject(
    {
      x: within(width, expected.x),
      y: within(height, expected.y),
      color,
      radius: v.optional(within(Math.min(width, height), expected.radius)),
    },
    'a hint has x, y, a color and perhaps a radius, and nothing else',
  )
}

const FILE = 'there are a version, a width, a height and a list of hints, and nothing else'
const SIDE = 'width and height are those of the picture in pixels, whole numbers above 0'
const side = v.pipe(v.number(SIDE), v.integer(SIDE), v.minValue(1, SIDE))
const fileSchema = v.strictObject(
  { version: v.literal(VERSION), width: side, height: side, hints: v.array(v.unknown(), FILE) },
  FILE,
)
const hintsIn = (size: Size) => {
  const pixels = (side: string) => `is in pixels, from 0 to the ${side} of ${size.width} × ${size.height}`
  const expected = {
    x: `a hint's x ${pixels('width')}`,
    y: `a hint's y ${pixels('height')}`,
    radius: `a hint's radius ${pixels('shorter side')}`,
  }
  return v.object({ hints: v.array(hintOf(size, expected)) })
}

/**
 * The hints in a file.
 * @param name what errors call the file
 * @throws UserError about usage that names the hint, counted from 1, and what is wrong with it
 */
export function parseHints(text: string, name: string): HintFile {
  const bad = (what: string, cause?: unknown) => new UserError(`${name} ${what}`, 'usage', { cause })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    // which quotes the text: line breaks, and whatever another kind of file holds
    const reason = (cause as Error).message.replaceAll(/[\p{Cc}\ufffd]+/gu, ' ')
    throw bad(`is not JSON: ${reason}`, cause)
  }
  const version = (value as { version?: unknown } | null)?.version
  if (version === undefined) throw bad('holds no hints: it has no version')
  if (version !== VERSION)
    throw bad(`has hints of version ${JSON.stringify(version)}, and this program reads version ${VERSION}`)
  const file = v.safeParse(fileSchema, value)
  if (!file.success) throw bad(wrongIn(file.issues[0], value))
  const { width, height } = file.output
  const placed = v.safeParse(hintsIn(file.output), value)
  if (!placed.success) throw bad(wrongIn(placed.issues[0], value))
  const hints = placed.output.hints.map(({ x, y, radius, color }): Hint => {
    const reach = radius === undefined ? {} : { radius: radius / Math.min(width, height) }
    return { x: x / width, y: y / height, color, ...reach }
  })
  return { name, width, height, hints }
}

function wrongIn({ path, message }: v.BaseIssue<unknown>, value: unknown): string {
  const [, hint, part] = path ?? []
  const { key, value: found } = path?.at(-1) ?? { key: 'content', value }
  const what = `${hint && !part ? 'it' : `its ${key}`} is ${JSON.stringify(found) ?? 'missing'}`
  return `${hint ? `has a wrong hint ${Number(hint.key) + 1}` : 'holds no hints'}: ${message}; ${what}`
}

/**
 * The hints for a photograph of this size: that for which they were made, larger or smaller.
 * @param photo what errors call it
 * @throws UserError about usage when it has another shape, since its hints would lie anywhere
 */
export function hintsFor(file: HintFile, photo: string, size: Size): readonly Hint[] {
  const ratio = (file.width * size.height) / (file.height * size.width)
  if (Math.abs(Math.log(ratio)) <= SHAPE_TOLERANCE) return file.hints
  const [made, is] = [file, size].map(({ width, height }) => `${width} × ${height}`)
  throw new UserError(`${file.name} has hints for a picture of ${made}, and ${photo} has ${is}`, 'usage')
}

/** The file of these hints for a picture of this size. */
export function formatHints(hints: readonly Hint[], { width, height }: Size): string {
  const inPixels = hints.map(({ x, y, radius, color }) => {
    const reach = radius === undefined ? {} : { radius: radius * Math.min(width, height) }
    return { x: x * width, y: y * height, ...reach, color }
  })
  return `${JSON.stringify({ version: VERSION, width, height, hints: inPixels }, null, 2)}\n`
}
