import { UserError } from '../../errors.ts'
import type { Terminal } from '../terminal.ts'

/** What of the training data cannot be decoded: warned of and counted, or with --strict the end. */
export class Damage {
  count = 0

  constructor(
    private readonly strict: boolean,
    private readonly terminal: Terminal,
  ) {}

  readonly found = (reason: string): void => {
    if (this.strict) throw new UserError(reason, 'weights')
    this.count++
    this.terminal.warn(reason)
  }
}
