import { type Trouble, UserError } from '../errors.ts'

/** Exit codes of the command line; `--help` and the README list the same. */
export const EXIT = {
  ok: 0,
  someInputFailed: 1,
  usage: 2,
  noAdapter: 3,
  badWeightsOrRecords: 4,
  interrupted: 130,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

const OF_TROUBLE: Readonly<Record<Trouble, ExitCode>> = {
  input: EXIT.someInputFailed,
  usage: EXIT.usage,
  adapter: EXIT.noAdapter,
  weights: EXIT.badWeightsOrRecords,
  interrupted: EXIT.interrupted,
}

/** The exit code that an error ends the program with. */
export const exitCodeOf = (error: unknown): ExitCode =>
  error instanceof UserError ? OF_TROUBLE[error.trouble] : EXIT.someInputFailed
