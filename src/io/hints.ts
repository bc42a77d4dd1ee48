/** Colours that a person has told, as JSON: docs/hints.md describes the format. */
import * as v from 'valibot'
import { UserError } from '../errors.ts'

const VERSION = 1

const fraction = (what: string) => {
  const expected = `a hint's ${what}, from 0 to 1`
  return v.pipe(v.number(expected), v.minValue(0, expected), v.maxValue(1, expected))
}
const COLOUR = 'a hint\'s colour is written "#rrggbb", in hexadecimal digits'

export const hintSchema = v.strictObject(
  {
    x: fraction('x is a fraction of the width'),
    y: fraction('y is a fraction of the height'),
    colour: v.pipe(v.string(COLOUR), v.regex(/^#[0-9a-f]{6}$/i, COLOUR)),
    radius: v.optional(fraction('radius is a fraction of the shorter side')),
  },
  'a hint has x, y, a colour and perhaps a radius, and nothing else',
)

/** A colour at a place of a picture. */
export interface Hint {
  /** As a fraction of the width, from the left. */
  readonly x: number
  /** As a fraction of the height, from the top. */
  readonly y: number
  /** sRGB, "#rrggbb". Its lightness does not count: that is the photograph's. */
  readonly colour: string
  /** How far around the place the colour holds, as a fraction of the shorter side; 0 by default. */
  readonly radius?: number | undefined
}

const FILE = 'there are a version and a list of hints, and nothing else'
const fileSchema = v.strictObject({ version: v.literal(VERSION), hints: v.array(hintSchema, FILE) }, FILE)

/**
 * The hints in a file.
 * @param name what errors call the file
 * @throws UserError about usage that names the hint, counted from 1, and what is wrong with it
 */
export function parseHints(text: string, name: string): readonly Hint[] {
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
  const { success, output, issues } = v.safeParse(fileSchema, value)
  if (success) return output.hints
  throw bad(wrongIn(issues[0], value))
}

function wrongIn({ path, message }: v.InferIssue<typeof fileSchema>, value: unknown): string {
  const [, hint, part] = path ?? []
  const { key, value: found } = path?.at(-1) ?? { key: 'content', value }
  const what = `${hint && !part ? 'it' : `its ${key}`} is ${JSON.stringify(found) ?? 'missing'}`
  return `${hint ? `has a wrong hint ${Number(hint.key) + 1}` : 'holds no hints'}: ${message}; ${what}`
}

/** The file of these hints. */
export const formatHints = (hints: readonly Hint[]): string =>
  `${JSON.stringify({ version: VERSION, hints }, null, 2)}\n`
