import type { Gpu } from '../device/gpu.ts'
import { UserError } from '../errors.ts'
import type { KnownFile } from '../io/manifest.ts'
import { mendOf } from './package.ts'
import { type Recognised, recognise } from './recognise.ts'
import { type Inspection, inspect, knownFiles } from './store/cache.ts'

/** A known file and how it is with it. */
export interface InventoryRow extends Inspection, Omit<KnownFile, 'shipped' | 'locations'> {
  /** Where it is kept. */
  readonly place: 'shipped' | 'cache'
  /** Whether there is a location to fetch it from. */
  readonly fetchable: boolean
  /** Of a classifier that sample photographs were shown to. */
  readonly recognised?: Recognised
  /** Why no photograph could be shown to it. */
  readonly unusable?: string
}

/** All known files, with their checksums computed anew. */
export async function takeInventory(manifest: readonly KnownFile[]): Promise<InventoryRow[]> {
  const rows: InventoryRow[] = []
  for (const known of knownFiles(manifest)) {
    const { shipped, locations, ...rest } = known
    const place = shipped ? 'shipped' : 'cache'
    rows.push({ ...rest, place, fetchable: locations.length > 0, ...(await inspect(known)) })
  }
  return rows
}

/** Whether sample photographs can be shown to it. */
export const isClassifier = ({ kind, state }: InventoryRow) => kind === 'classifier' && state === 'ok'

/** The row with what showing sample photographs to its classifier gave. */
export async function showPhotographs(gpu: Gpu, row: InventoryRow): Promise<InventoryRow> {
  try {
    return { ...row, recognised: await recognise(gpu, row) }
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    return { ...row, unusable: error.message }
  }
}

/** What to do about it; null when all is well. */
export function remedyOf(row: InventoryRow): string | null {
  const { name, path, place, state, recognised, unusable } = row
  if (state === 'corrupt' && place === 'cache') return `remove ${path} and fetch or import it again`
  if (state !== 'ok' && place === 'shipped') return mendOf(path)
  if (unusable !== undefined) return unusable
  if (recognised?.isTrained === false) return `${name} is not trained: use another classifier`
  return null
}

/** A table for people, one line a file. */
export function formatInventory(rows: readonly InventoryRow[]): string[] {
  const cells = rows.map((row) => [row.name, row.file, formatBytes(row.bytes), stateOf(row)])
  const widths = [0, 1, 2].map((i) => Math.max(...cells.map((cell) => cell[i]!.length)))
  return cells.map(([name, file, bytes, state]) =>
    [name!.padEnd(widths[0]!), file!.padEnd(widths[1]!), bytes!.padStart(widths[2]!), state!].join('  '),
  )
}

function stateOf({ state, place, fetchable, why, recognised, unusable }: InventoryRow): string {
  if (state === 'corrupt') return `CORRUPT: ${why}`
  if (state === 'missing') {
    if (place === 'shipped') return 'MISSING from the package'
    return fetchable ? 'not here, can be fetched or imported' : 'not here, can be imported'
  }
  const fine = `${place === 'shipped' ? 'shipped' : 'cached'}, checksum right`
  if (unusable !== undefined) return `${fine}, but UNUSABLE`
  if (!recognised) return fine
  const photographs = `${recognised.right} of ${recognised.of} photographs recognised`
  return `${fine}, ${recognised.isTrained ? '' : 'but NOT TRAINED: '}${photographs}`
}

/** "21.7 kB", "223.4 MB" */
export const formatBytes = (bytes: number) =>
  bytes < 1e5 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`
