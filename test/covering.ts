/**
 * `npm test` takes of a large table the entries that cover every pair of what they are made of, `npm run test:all` takes all.
 * COLORIZER_TESTS=rest takes what `npm test` leaves out.
 */

import { pipelineKey } from '../src/device/shader.ts'
import { dispatchesOf, halfBindings, type Row } from './harness.ts'

const PARTS = ['pairs', 'all', 'rest'] as const

function partWanted(): (typeof PARTS)[number] {
  const wanted = process.env.COLORIZER_TESTS ?? 'pairs'
  const part = PARTS.find((name) => name === wanted)
  if (!part) throw new Error(`COLORIZER_TESTS=${wanted}: choose one of ${PARTS.join(', ')}`)
  return part
}

/** What an entry of a table covers, and what it takes. */
export interface Entry {
  /** Names of what it covers. The entries that are taken cover together all that any entry of the table does. */
  readonly covers: readonly string[]
  /** What takes time the first time only: names of pipelines. */
  readonly compiles: readonly string[]
  /** Elements that go in. */
  readonly size: number
}

/** Time of an entry whose pipelines are all there, in units of the compilation of one, and how many elements take as long again. */
const [RUN_COST, RUN_ELEMS] = [0.05, 10_000]

/** The entries of this run's part of the table, in their order. */
export function partOf<T>(table: readonly T[], entryOf: (entry: T) => Entry): T[] {
  const part = partWanted()
  if (part === 'all') return [...table]
  const taken = covering(table.map(entryOf))
  return table.filter((_, i) => taken.has(i) === (part === 'pairs'))
}

/**
 * Indices of a few entries that cover all that any entry covers. Greedy: again and again the entry that covers most of what
 * is left for its cost (Chvátal 1979).
 */
export function covering(entries: readonly Entry[]): Set<number> {
  const left = new Set(entries.flatMap(({ covers }) => covers))
  const compiled = new Set<string>()
  const taken = new Set<number>()
  const worth = ({ covers, compiles, size }: Entry) => {
    const gain = new Set(covers.filter((pair) => left.has(pair))).size
    const cost = RUN_COST * (1 + size / RUN_ELEMS)
    return gain / (cost + new Set(compiles.filter((name) => !compiled.has(name))).size)
  }
  while (left.size) {
    let [best, most] = [-1, 0]
    for (const [i, entry] of entries.entries()) {
      const value = taken.has(i) ? 0 : worth(entry)
      if (value > most) [best, most] = [i, value]
    }
    taken.add(best)
    for (const pair of entries[best]!.covers) left.delete(pair)
    for (const name of entries[best]!.compiles) compiled.add(name)
  }
  return taken
}

export const sizeOf = ({ inputs }: Row) => inputs.reduce((sum, { length }) => sum + length, 0)

/** What a row covers: itself by any kernel, and each of its kernels with each constant and each kind of number. */
export function entryOf(row: Row): Entry {
  const kernels = dispatchesOf(row).map((dispatch) => ({ ...dispatch, half: halfBindings(row, dispatch) }))
  const covers = kernels.flatMap(({ shader, constants = {}, half }) => [
    `${shader} half=${half}`,
    ...Object.entries(constants).map(([name, value]) => `${shader} ${name}=${value}`),
    ...(isNetworks(constants) ? [`${shader} as in the network`] : []),
  ])
  const compiles = kernels.map(({ shader, constants, half }) => pipelineKey(shader, constants ?? {}, half))
  return { covers: [`${row.name} ${row.number}`, ...covers], compiles, size: sizeOf(row) }
}

/**
 * Each kernel with everything in float16, alone and with a residual, and each operator where float16 meets float32. Only loads and stores
 * differ from float32, in which all else is covered.
 */
export function entryInHalf(row: Row): Entry {
  const entry = entryOf(row)
  const isAll = row.half!.inputs && row.half!.output
  const kernels = entry.covers.filter((pair) => / (half|HAS_RESIDUAL)=/.test(pair))
  return { ...entry, covers: isAll ? kernels : [`${row.name} ${JSON.stringify(row.half)}`] }
}

/** A convolution of the report's network ends in a bias and a ReLU. */
const isNetworks = ({ HAS_BIAS, HAS_RESIDUAL, ACTIVATION }: Readonly<Record<string, number>>) =>
  HAS_BIAS === 1 && HAS_RESIDUAL === 0 && ACTIVATION === 1
