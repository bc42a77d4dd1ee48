import type { UserError } from '../errors.ts'
import { NETWORKS } from '../model/registry.ts'
import { trainingSchema } from '../train/settings.ts'
import { type Entries, optionFor } from './setting-options.ts'

const ENTRIES: Entries = Object.assign(
  {},
  ...[...NETWORKS.values()].map(({ schema }) => schema.entries),
  trainingSchema.entries,
)

/** The sentence of an error, with the options that mend it: the library knows settings, not what is typed. */
export function advised({ message, mend }: UserError): string {
  const options = mend.map((name) => optionFor(ENTRIES, name) ?? `--${name}`)
  return options.length ? `${message} (${options.join(', ')})` : message
}
