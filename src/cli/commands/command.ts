import { parseArgs } from 'node:util'
import type * as v from 'valibot'
import { UserError } from '../../errors.ts'
import { choiceOf, integerOf, numberOf, parseSetting } from '../../setting.ts'
import { EXIT, type ExitCode } from '../exit.ts'
import type { Terminal } from '../terminal.ts'

export interface Option {
  /** What stands behind the option in the help, "N" or "DIR"; none for a switch. */
  readonly value?: string
  readonly help: string
  readonly short?: string
  /** Whether it may be given more than once; see `Flags.texts`. */
  readonly many?: boolean
  /** The heading under which the help lists it; those without one come first. */
  readonly group?: string
}

export interface Command {
  readonly summary: string
  /** Positional arguments as the help shows them. */
  readonly positionals: string
  readonly options: Readonly<Record<string, Option>>
  /** Options of other commands that people look for in this one, and what to do instead. */
  readonly elsewhere?: Readonly<Record<string, string>>
  readonly examples: readonly string[]
  /** What the help says behind the options. */
  readonly notes?: string
  /** Does the work; the result is printed as JSON with --json, otherwise its text. */
  run(call: Call): Promise<Result>
}

export interface Call {
  readonly positionals: readonly string[]
  readonly flags: Flags
  readonly terminal: Terminal
  /** Raised by the first Ctrl-C or SIGTERM: finish what is begun and stop. */
  readonly interrupted: AbortSignal
  /** Has `work` done before a second Ctrl-C ends the program, if it takes no longer than a moment. */
  beforeExit(work: () => Promise<unknown>): void
}

export interface Result {
  /** None where the command has written its result itself. */
  readonly json?: unknown
  readonly text?: string
  readonly code: ExitCode
}

export function exitCode(interrupted: boolean, failed: number): ExitCode {
  if (interrupted) return EXIT.interrupted
  return failed ? EXIT.someInputFailed : EXIT.ok
}

export const COMMON_OPTIONS: Readonly<Record<string, Option>> = {
  adapter: { value: 'NAME', help: 'GPU adapter, by a part of its name (`colorizer doctor` lists them)' },
  json: { help: 'one JSON document on stdout, nothing else there' },
  quiet: { help: 'no progress and no remarks', short: 'q' },
  help: { help: 'this help', short: 'h' },
  version: { help: 'the version' },
}

type FlagValue = string | boolean | string[] | undefined

/** Options of one call, checked as they are asked for. Throws a `UserError` (exit code 2) that names the option. */
export class Flags {
  constructor(private readonly values: Readonly<Record<string, FlagValue>>) {}

  on(name: string): boolean {
    return this.values[name] === true
  }

  given(name: string): boolean {
    return this.values[name] !== undefined
  }

  text(name: string): string | undefined {
    const value = this.values[name]
    return typeof value === 'string' ? value : undefined
  }

  /** All values of an option that may be given more than once, or the one of another. */
  texts(name: string): readonly string[] {
    const value = this.values[name]
    if (Array.isArray(value)) return value
    return typeof value === 'string' ? [value] : []
  }

  /** What was given of all options but those of these names. */
  givenBut(names: readonly string[]): Readonly<Record<string, FlagValue>> {
    return Object.fromEntries(Object.entries(this.values).filter(([name]) => !names.includes(name)))
  }

  /** What the option's text means by a schema. */
  value<S extends v.GenericSchema>(name: string, schema: S): v.InferOutput<S> | undefined {
    const text = this.text(name)
    return text === undefined ? undefined : this.#parsed(name, text, schema)
  }

  /** @param more what else is expected */
  #parsed<S extends v.GenericSchema>(name: string, text: string, schema: S, more = ''): v.InferOutput<S> {
    try {
      return parseSetting(schema, text)
    } catch (error) {
      if (error instanceof RangeError) throw wrong(`--${name} ${text}: ${error.message}${more}`)
      throw error
    }
  }

  /** A finite number of at least `min` (more than it when `exclusive`) and at most `max`. */
  number(name: string, limits: Parameters<typeof numberOf>[0] = {}): number | undefined {
    return this.value(name, numberOf(limits))
  }

  /** All numbers of an option that may be given more than once, and the word that may stand for one. */
  numbersOr<W extends string>(word: W, name: string): (number | W)[] {
    return this.texts(name).map((text) =>
      text === word ? word : this.#parsed(name, text, numberOf(), `, or ${word}`),
    )
  }

  /** A whole number of at least `min` that is a multiple of `multipleOf`. */
  integer(name: string, limits: Parameters<typeof integerOf>[0] = {}): number | undefined {
    return this.value(name, integerOf(limits))
  }

  choice<T extends string>(name: string, choices: readonly T[]): T | undefined {
    return this.value(name, choiceOf(choices)) as T | undefined
  }
}

export const wrong = (sentence: string) => new UserError(sentence, 'usage')

const UNKNOWN_OPTION = /^Unknown option '--([\w-]+)/

/**
 * Splits a command line into options and positionals. Throws a `UserError` (exit code 2) on an unknown option.
 * @param elsewhere as of a `Command`
 */
export function parse(
  args: readonly string[],
  options: Readonly<Record<string, Option>>,
  elsewhere: Readonly<Record<string, string>> = {},
) {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: Object.fromEntries(
        Object.entries(options).map(([name, { value, short, many = false }]) => [
          name,
          {
            type: value ? ('string' as const) : ('boolean' as const),
            multiple: many,
            ...(short ? { short } : {}),
          },
        ]),
      ),
    })
    return { flags: new Flags(values as Record<string, FlagValue>), positionals }
  } catch (cause) {
    const { message } = cause as Error
    const [, unknown = ''] = UNKNOWN_OPTION.exec(message) ?? []
    if (Object.hasOwn(elsewhere, unknown)) throw wrong(`--${unknown} is not there: ${elsewhere[unknown]}`)
    const [what] = message.split(/\.\s/)
    const hint = /ambiguous/.test(what!)
      ? 'a value that begins with - is written --name=-1'
      : '--help lists the options'
    throw new UserError(`${what}; ${hint}`, 'usage', { cause })
  }
}

/** The options under a heading of the help. */
export const inGroup = (group: string, options: Readonly<Record<string, Option>>) =>
  Object.fromEntries(Object.entries(options).map(([name, option]) => [name, { ...option, group }]))

/** Options in two aligned columns, under the headings of their groups. */
export function formatOptions(options: Readonly<Record<string, Option>>): string {
  const left = ([name, { value, short }]: [string, Option]) => {
    const long = value ? `--${name} ${value}` : `--${name}`
    return short ? `-${short}, ${long}` : `    ${long}`
  }
  const entries = Object.entries(options)
  const width = Math.max(...entries.map((entry) => left(entry).length))
  const groups = new Map<string, string[]>([['', []]])
  for (const entry of entries) {
    const { group = '', help } = entry[1]
    groups.set(group, [...(groups.get(group) ?? []), `  ${left(entry).padEnd(width)}  ${help}`])
  }
  return [...groups]
    .filter(([, lines]) => lines.length)
    .map(([group, lines]) => [...(group ? [`${group}:`] : []), ...lines].join('\n'))
    .join('\n\n')
}
