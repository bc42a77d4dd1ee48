/**
 * The kind of trouble: `input` when a file or picture that was given cannot be used, `usage` when the call itself is wrong,
 * `adapter`, `weights` (records, too), and `interrupted` when somebody stopped it.
 */
export type Trouble = 'input' | 'usage' | 'adapter' | 'weights' | 'interrupted'

/**
 * An error whose message is meant for a person: one sentence that says what was wrong, with which file, layer and shapes,
 * and what to do. The command line prints it without a stack, and has an exit code for each kind of trouble.
 */
export class UserError extends Error {
  /**
   * What would mend it: names of settings, or a command with its arguments, such as 'weights fetch NAME'. Whoever talks to the
   * person knows how they are typed.
   */
  readonly mend: readonly string[]

  constructor(
    message: string,
    readonly trouble: Trouble = 'input',
    options: ErrorOptions & { readonly mend?: readonly string[] } = {},
  ) {
    super(message, options)
    this.name = 'UserError'
    this.mend = options.mend ?? []
  }
}
