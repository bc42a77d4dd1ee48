/** Finds validation pictures that are also trained on: with those, a network that only remembers would seem to generalise. */
import { stat } from 'node:fs/promises'
import { sha256File } from '../store/fetch.ts'

/** A validation picture, and the training picture that is the same file. */
export interface Twins {
  readonly val: string
  readonly train: string
}

/** Files that are read at the same time. */
const AT_ONCE = 8

/** By the files' contents. Only files of equal size are read; one that cannot be read has no twin. */
export async function findTwins(val: readonly string[], train: readonly string[]): Promise<Twins[]> {
  const [ofVal, ofTrain] = [await bySize(val), await bySize(train)]
  const sizes = [...ofVal.keys()].filter((size) => ofTrain.has(size))
  const hashes = await hashesOf(sizes.flatMap((size) => ofTrain.get(size)!))
  const sources = new Map([...hashes].map(([path, hash]) => [hash, path]))
  return twinsIn(sources, await hashesOf(sizes.flatMap((size) => ofVal.get(size)!)))
}

/** The same for records, of whose photographs only the checksums are left: `sources` has the path of each. */
export const findTwinsOf = async (val: readonly string[], sources: ReadonlyMap<string, string>) =>
  twinsIn(sources, await hashesOf(val))

function twinsIn(sources: ReadonlyMap<string, string>, hashes: ReadonlyMap<string, string>): Twins[] {
  return [...hashes].flatMap(([val, hash]) => {
    const train = sources.get(hash)
    return train === undefined ? [] : [{ val, train }]
  })
}

async function bySize(paths: readonly string[]): Promise<Map<number, string[]>> {
  const groups = new Map<number, string[]>()
  const sizes = await forEach(paths, async (path) => (await stat(path)).size)
  for (const [path, size] of sizes) groups.set(size, [...(groups.get(size) ?? []), path])
  return groups
}

const hashesOf = (paths: readonly string[]) => forEach(paths, sha256File)

/** What `work` finds for each path, in the order of the paths; those it fails for are left out. */
async function forEach<T>(
  paths: readonly string[],
  work: (path: string) => Promise<T>,
): Promise<Map<string, T>> {
  const found: (readonly [string, T])[][] = []
  const next = paths.entries()
  const worker = async () => {
    for (const [i, path] of next) {
      found[i] = await work(path).then(
        (result) => [[path, result] as const],
        () => [],
      )
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return new Map(found.flat())
}
