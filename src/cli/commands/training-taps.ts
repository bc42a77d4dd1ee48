/** What `train --taps` takes from the records' taps. */
import { UserError } from '../../errors.ts'
import type { TrunkName } from '../../model/trunk.ts'
import { type Flags, wrong } from './command.ts'
import { type FoundRecords, type TrainingData, traitsIn } from './training-data.ts'
import { type Asked, kindOf } from './training-options.ts'

/**
 * With the size and the trunk of the records' taps, where `--taps` asks for them.
 * @throws UserError: no taps, several sizes or trunks, or others than are asked for
 */
export async function withTaps(asked: Asked, flags: Flags, { folders }: TrainingData): Promise<Asked> {
  if (!flags.on('taps')) return asked
  if (!folders.length) throw wrong('--taps trains from the taps that records have: name them with --records')
  if (!('trunk' in kindOf(asked.network).schema.entries))
    throw wrong(
      `--taps does not go with the network ${kindOf(asked.network).name}, which looks through no trunk`,
    )
  const { trunk, size } = tapsIn(await traitsIn(folders))
  const { settings, architecture } = asked
  const named = architecture.trunk as TrunkName | undefined
  if (named && named.sha256 !== trunk.sha256)
    throw new UserError(
      `the records have taps of ${trunk.name} (sha256 ${trunk.sha256.slice(0, 8)}…), not of ${named.name}: prepare them again with --trunk ${named.name}, or train without --trunk`,
      'weights',
    )
  if (settings.size !== undefined && settings.size !== size)
    throw new UserError(
      `the records have taps of ${size} px, not of ${settings.size} px: prepare them again with --taps-size ${settings.size}, or train without --size`,
      'weights',
    )
  return {
    ...asked,
    architecture: { ...architecture, trunk },
    settings: { lightnessJitter: 0, ...settings, taps: true, size },
  }
}

/** Those of all folders. */
function tapsIn(found: readonly FoundRecords[]) {
  const bad = (what: string) => new UserError(`the records in ${what}`, 'weights')
  const missing = found.find(({ taps }) => !taps)
  if (missing)
    throw bad(`${missing.folder} have no taps: prepare them again with --taps, or train without --taps`)
  const [first, ...others] = found.map(({ folder, taps }) => ({ folder, ...taps! }))
  if (!first) throw new UserError('no record is whole, so there are no taps; prepare them again', 'weights')
  const other = others.find(({ trunk, size }) => trunk.sha256 !== first.trunk.sha256 || size !== first.size)
  if (!other) return first
  const what = [first, other].map(({ trunk, size }) => `taps of ${trunk.name} at ${size} px`)
  throw bad(
    `${first.folder} have ${what[0]} and those in ${other.folder} have ${what[1]}: prepare them alike`,
  )
}
