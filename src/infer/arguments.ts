/** Arguments of the library's functions, held against a schema: programs in JavaScript have no compiler to tell. */
import * as v from 'valibot'
import { hintSchema } from '../io/hints.ts'
import { numberOf } from '../setting.ts'

/**
 * The options of a call.
 * @param call what errors call it: "Colorizer.create"
 * @throws TypeError that names the option and says what is expected
 */
export function checkOptions<S extends v.StrictObjectSchema<v.ObjectEntries, undefined>>(
  call: string,
  schema: S,
  options: unknown,
): v.InferOutput<S> {
  const checked = v.safeParse(schema, options)
  if (checked.success) return checked.output
  const { path, message, received } = checked.issues[0]
  const key = path?.[0]?.key
  if (key === undefined) throw new TypeError(`${call} takes an object of options, not ${received}`)
  const known = Object.keys(schema.entries)
  throw new TypeError(
    known.includes(String(key))
      ? `${call}: ${key} ${received}: ${message}`
      : `${call} has no option "${key}": there are ${known.join(', ')}`,
  )
}

/** A value that `is` knows; `what` completes "expected …". */
export const valueLike = <T>(what: string, is: (value: unknown) => boolean) =>
  v.custom<T>(is, `expected ${what}`)

/** More makes every colour one at the edge of sRGB. */
export const MAX_SATURATION = 10

/** What a* and b* are multiplied by. */
export const saturationOption = v.optional(numberOf({ max: MAX_SATURATION }))

/** Colours that a person has told. */
export const hintsOption = v.optional(v.array(hintSchema, 'expected a list of hints'))

export const signalOption = v.optional(
  valueLike<AbortSignal>('an AbortSignal', (value) => value instanceof AbortSignal),
)

/** A function of the caller's; its type says what it is called with. */
export const functionOption = <F>() =>
  v.optional(valueLike<F>('a function', (value) => typeof value === 'function'))
