import { parseArgs } from 'node:util'
import { EXIT, type ExitCode, UserError } from '../../errors.ts'
import type { Terminal } from '../terminal.ts'

export interface Option {
  /** What stands behind the option in the help, "N" or "DIR"; none for a switch. */
  readonly value?: string
  readonly help: string
  readonly short?: string
  /** Whether it may be given more than once; see `Flags.texts`. */
  readonly many?: boolean
}

export interface Command {
  readonly summary: string
  /** Positional arguments as the help shows them. */
  readonly positionals: string
  readonly options: Readonly<Record<string, Option>>
  readonly examples: readonly string[]
  /** Does the work; the result is printed as JSON with --json, otherwise its text. */
  run(call: Call): Promise<Result>
}

export interface Call {
  readonly positionals: readonly string[]
  readonly flags: Flags
  readonly terminal: Terminal
  /** Raised by the first Ctrl-C or SIGTERM: finish what is begun and stop. */
  readonly interrupted: AbortSignal
}

export interface Result {
  readonly json: unknown
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

  /** A finite number of at least `min` (more than it when `exclusive`) and at most `max`. */
  number(name: string, { min = 0, max = Infinity, exclusive = false } = {}): number | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const value = text.trim() === '' ? Number.NaN : Number(text)
    if (!Number.isFinite(value) || value < min || value > max || (exclusive && value === min)) {
      const most = max < Infinity ? ` and at most ${max}` : ''
      throw wrong(`--${name} ${text}: expected a number ${exclusive ? 'above' : 'of at least'} ${min}${most}`)
    }
    return value
  }

  /** A whole number of at least `min` that is a multiple of `multipleOf`. */
  integer(name: string, { min = 1, multipleOf = 1 } = {}): number | undefined {
    const value = this.number(name, { min })
    if (value === undefined) return undefined
    if (!Number.isSafeInteger(value) || value % multipleOf !== 0) {
      const kind = multipleOf === 1 ? 'a whole number' : `a multiple of ${multipleOf}`
      throw wrong(`--${name} ${this.text(name)}: expected ${kind}`)
    }
    return value
  }

  choice<T extends string>(name: string, choices: readonly T[]): T | undefined {
    const text = this.text(name)
    if (text === undefined || choices.includes(text as T)) return text as T | undefined
    throw wrong(`--${name} ${text}: choose one of ${choices.join(', ')}`)
  }
}

export const wrong = (sentence: string) => new UserError(sentence, EXIT.usage)

/** Splits a command line into options and positionals. Throws a `UserError` (exit code 2) on an unknown option. */
export function parse(args: readonly string[], options: Readonly<Record<string, Option>>) {
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
    const [what] = (cause as Error).message.split(/\.\s/)
    const hint = /ambiguous/.test(what!)
      ? 'a value that begins with - is written --name=-1'
      : '--help lists the options'
    throw new UserError(`${what}; ${hint}`, EXIT.usage, { cause })
  }
}

/** Options in two aligned columns. */
export function formatOptions(options: Readonly<Record<string, Option>>): string {
  const left = Object.entries(options).map(([name, { value, short }]) => {
    const long = value ? `--${name} ${value}` : `--${name}`
    return short ? `-${short}, ${long}` : `    ${long}`
  })
  const width = Math.max(...left.map((text) => text.length))
  return Object.values(options)
    .map(({ help }, i) => `  ${left[i]!.padEnd(width)}  ${help}`)
    .join('\n')
}
