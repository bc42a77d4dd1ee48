/**
 * Settings as valibot schemas. A schema gives the type, checks what a file or a command line says, and carries what
 * the help and the docs say of the setting.
 */
import * as v from 'valibot'

/** What a person is told of a setting. */
export interface About {
  /** The command line's option, without the dashes. */
  readonly flag: string
  /** What stands behind the option in the help: "N", "crop|pad". */
  readonly value: string
  readonly help: string
  /** What the setting is where nobody chooses it, where that needs words. */
  readonly usual?: string
  /** What the option's texts mean, where they are not the values themselves. */
  readonly texts?: Readonly<Record<string, unknown>>
}

/** The schema of one setting, with what a person is told of it. */
export const setting = <S extends v.GenericSchema>(schema: S, about: About) =>
  v.pipe(schema, v.metadata({ ...about }))

/** What a person is told of a setting; null for one that no option sets. */
export function aboutOf(schema: v.GenericSchema): About | null {
  const about = v.getMetadata(schema)
  return 'flag' in about ? (about as unknown as About) : null
}

/** A finite number of at least `min` (above it when `exclusive`) and at most `max`. */
export function numberOf({ min = 0, max = Number.POSITIVE_INFINITY, exclusive = false } = {}) {
  const most = max < Number.POSITIVE_INFINITY ? ` and at most ${max}` : ''
  const expected = `expected a number ${exclusive ? 'above' : 'of at least'} ${min}${most}`
  const isInside = (value: number) => value <= max && (exclusive ? value > min : value >= min)
  return v.pipe(v.number(expected), v.finite(expected), v.check(isInside, expected))
}

/** A whole number from `min` to `max` that is a multiple of `multipleOf`; with `endless` also Infinity. */
export function integerOf({ min = 1, max = Number.POSITIVE_INFINITY, multipleOf = 1, endless = false } = {}) {
  const kind = multipleOf === 1 ? 'expected a whole number' : `expected a multiple of ${multipleOf}`
  const most = max < Number.POSITIVE_INFINITY ? ` and at most ${max}` : ''
  const outside = `expected a number of at least ${min}${most}`
  const isEndless = (value: number) => endless && value === Number.POSITIVE_INFINITY
  return v.pipe(
    v.number(outside),
    v.check((value) => value >= min && value <= max, outside),
    v.check((value) => isEndless(value) || (Number.isSafeInteger(value) && value % multipleOf === 0), kind),
  )
}

export const choiceOf = <const T extends readonly string[]>(choices: T) =>
  v.picklist(choices, `choose one of ${choices.join(', ')}`)

/**
 * What an option's text means.
 * @throws RangeError that says what is expected, such as "expected a number above 0"
 */
export function parseSetting<S extends v.GenericSchema>(schema: S, text: string): v.InferOutput<S> {
  const texts = aboutOf(schema)?.texts
  if (texts && !Object.hasOwn(texts, text))
    throw new RangeError(`choose one of ${Object.keys(texts).join(', ')}`)
  const inner = 'wrapped' in schema ? (schema.wrapped as v.GenericSchema) : schema // of one with a default
  const isNumber = inner.type === 'number'
  const value = texts ? texts[text] : isNumber ? (text.trim() === '' ? Number.NaN : Number(text)) : text
  const { success, output, issues } = v.safeParse(schema, value)
  if (success) return output
  throw new RangeError(issues![0]!.message)
}
