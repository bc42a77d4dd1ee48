/** Exit codes of the command line; `docs` and `--help` list the same. */
export const EXIT = {
  ok: 0,
  someInputFailed: 1,
  usage: 2,
  noAdapter: 3,
  badWeightsOrRecords: 4,
  interrupted: 130,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/**
 * An error whose message is meant for the person at the terminal: one sentence that says what was wrong, with
 * which file, layer and shapes, and what to do. The command line prints it without a stack and exits with `code`.
 */
export class UserError extends Error {
  constructor(
    message: string,
    readonly code: ExitCode = EXIT.someInputFailed,
    options?: ErrorOptions,
  ) {
    super(message, options)
    this.name = 'UserError'
  }
}
