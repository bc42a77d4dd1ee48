import type { UserError } from '../errors.ts'
import { NETWORKS } from '../model/registry.ts'
import { trainingSchema } from '../train/settings.ts'
import { type Entries, optionFor } from './setting-options.ts'

const ENTRIES: Entries = Object.assign(
  {},
  ...[...NETWORKS.values()].map(({ schema }) => schema.entries),
  trainingSchema.entries,
)

/** The sentence of an error, with the options and commands that mend it: the library does not know what is typed. */
export function advised({ message, mend }: UserError): string {
  const advice = mend.map((name) => {
    if (name.includes(' ')) return `colorizer ${name}`
    return optionFor(ENTRIES, name) ?? `--${name}`
  })
  return advice.length ? `${message} (${advice.join(', ')})` : message
}
