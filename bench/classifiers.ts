import type { Terminal } from '../src/cli/terminal.ts'
import type { Gpu } from '../src/device/gpu.ts'
import { medianRun } from '../src/device/timer.ts'
import { CLASSIFIERS } from '../src/model/classifier.ts'
import { locate } from '../src/node/store/cache.ts'
import { product } from '../src/numbers.ts'
import { withRandomModel } from './inception-resnet-v2.ts'
import { Model } from './model.ts'

/** A classifier on one picture, all of it. */
export interface ClassifierRow {
  readonly name: string
  readonly weights: 'trained' | 'random'
  /** Median, from arrays to arrays. */
  readonly milliseconds: number
  /** 10⁹ operations. */
  readonly gflop: number
  readonly gflops: number
}

interface Named {
  readonly name: string
  /** Null: the network of that name with random weights stands in. */
  readonly path: string | null
}

/** The one whose network is written here as well, so that its file is not needed to measure it. */
const GENERATED = 'inception-resnet-v2'

/** Classifiers whose name contains `filter` and that can be run here. Throws as `locate`. */
export async function namedClassifiers(filter: string): Promise<Named[]> {
  const found: Named[] = []
  for (const { name } of CLASSIFIERS) {
    const path = (await locate(name))?.path ?? null
    if (name.includes(filter) && (path !== null || name === GENERATED)) found.push({ name, path })
  }
  return found
}

export async function timeClassifiers(
  gpu: Gpu,
  named: readonly Named[],
  terminal: Terminal,
): Promise<ClassifierRow[]> {
  const rows: ClassifierRow[] = []
  for (const { name, path } of named) {
    terminal.progress(`the whole of ${name}`)
    const measured = path === null ? withRandomModel((file) => time(gpu, file)) : time(gpu, path)
    rows.push({ name, weights: path === null ? 'random' : 'trained', ...(await measured) })
  }
  return rows
}

async function time(gpu: Gpu, path: string) {
  const model = await Model.open(gpu, path, 1)
  try {
    const { gflop } = model
    const input = model.inputs[0]!
    const length = product(input.shape)
    const values = new Map([[input.name, Float32Array.from({ length }, (_, i) => ((i * 0.618) % 2) - 1)]])
    const milliseconds = await medianRun(() => model.run(values))
    return { milliseconds, gflop, gflops: (1000 * gflop) / milliseconds }
  } finally {
    model.destroy()
  }
}
