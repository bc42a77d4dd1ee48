/** Options of commands, made of the schemas of settings. */
import type * as v from 'valibot'
import { aboutOf } from '../setting.ts'
import type { Flags, Option } from './commands/command.ts'

/** The schemas of settings by their names. */
export type Entries = Readonly<Record<string, v.GenericSchema>>

/** What a command line asks for of some settings: those that it leaves out are missing. */
export type GivenSettings<E extends Entries> = { readonly [S in keyof E]?: v.InferOutput<E[S]> }

/**
 * An option for each setting that has one.
 * @param usual the settings where nobody chooses them, or words that say so; the help ends with them
 */
export function settingOptions(
  entries: Entries,
  usual: Readonly<Record<string, unknown>>,
): Readonly<Record<string, Option>> {
  return Object.fromEntries(
    Object.entries(entries).flatMap(([name, schema]) => {
      const about = aboutOf(schema)
      if (!about) return []
      const { flag, value, help, texts } = about
      const shown = usual[name] ?? about.usual
      const text = shown === undefined ? '' : ` (default ${textOf(shown, texts)})`
      return [[flag, { value, help: help + text }]]
    }),
  )
}

/** How a value is written on a command line. */
export const textOf = (value: unknown, texts: Readonly<Record<string, unknown>> = {}) =>
  Object.keys(texts).find((text) => texts[text] === value) ?? String(value)

/** The settings that the options ask for. Throws a `UserError` (exit code 2) that names the first wrong option. */
export function askedSettings<E extends Entries>(flags: Flags, entries: E): GivenSettings<E> {
  const asked = Object.entries(entries).flatMap(([name, schema]) => {
    const about = aboutOf(schema)
    const value = about ? flags.value(about.flag, schema) : undefined
    return value === undefined ? [] : [[name, value]]
  })
  return Object.fromEntries(asked)
}

/** The option that sets a setting, with its dashes: for advice. */
export function optionFor(entries: Entries, name: string): string | null {
  const about = entries[name] && aboutOf(entries[name])
  return about ? `--${about.flag}` : null
}
