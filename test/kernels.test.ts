import { afterAll, describe, expect, it } from 'vitest'
import type { Gpu } from '../src/device/gpu.ts'
import { compile } from '../src/graph/compile.ts'
import { Executor, Variables } from '../src/graph/execute.ts'
import { useGpu } from './device.ts'
import {
  gradientGraph,
  NOT_DIFFERENTIABLE,
  opNames,
  type Row,
  referenceValues,
  rowsOf,
  runsOn,
  variantsOf,
} from './harness.ts'
import { verify } from './launch.ts'
import { type Comparison, compare, reductionLength } from './tolerance.ts'

const gpu = useGpu()

/** Worst share of the allowance by test and operator, printed at the end. */
const shares = new Map<string, { share: number; where: string }>()

afterAll(() => {
  const lines = [...shares].map(
    ([key, { share, where }]) => `${key.padEnd(28)} ${percent(share).padStart(6)}  ${where}`,
  )
  console.log(`Worst share of the allowance used (test/tolerance.ts):\n${lines.join('\n')}`)
})

const percent = (share: number) => `${(share * 100).toFixed(1)}%`

function record(test: string, title: string, { share, worst }: Comparison): void {
  if (share >= (shares.get(test)?.share ?? 0)) shares.set(test, { share, where: `${title}, ${worst}` })
}

describe.each(opNames.filter((name) => rowsOf(name)[0]!.op.alias === undefined))('%s on the GPU', (name) => {
  it.for(rowsOf(name).flatMap(variantsOf))('equals its reference: $title', async (row, { skip }) => {
    skip(!runsOn(gpu(), row), 'the adapter has no subgroups of 8 lanes')
    const { comparisons, problems } = await verify(gpu(), row)
    for (const comparison of comparisons) record(name, row.title, comparison)
    expect(problems).toEqual([])
  })
})

describe.each(opNames.filter((name) => !NOT_DIFFERENTIABLE.includes(name)))(
  'gradient of %s on the GPU',
  (name) => {
    it.each(rowsOf(name))('equals the graph of references: $title', async (row) => {
      await checkGradient(gpu(), row)
    })
  },
)

/** Forward, loss and gradient of one row as the executor runs them, against the same graph in float64. */
async function checkGradient(device: Gpu, row: Row): Promise<void> {
  const { graph, values } = gradientGraph(row)
  const want = referenceValues(graph, values)
  const plan = compile(graph, device.device.limits.maxStorageBufferBindingSize, device.traits)
  const executor = await Executor.create(device, plan, new Variables(device))
  for (const [name, data] of values) executor.upload(name, data)
  const names = [...graph.outputs.keys()]
  const got = await executor.run(names)
  executor.destroy()
  // errors of one node pass through the next: they add up as one long sum would
  const lengths = graph.nodes.map((node) =>
    reductionLength(
      node.op,
      node.inputs.map((t) => graph.spec(t)),
      node.attrs,
    ),
  )
  const K = lengths.reduce((a, b) => a + b, 0)
  for (const [i, name] of names.entries()) {
    const comparison = compare(got[i]!, want.get(graph.outputs.get(name)!)!, K)
    record(`gradient of ${row.name}`, `${row.title} ${name}`, comparison)
    expect(comparison.share, `${name}: ${comparison.worst}`).toBeLessThanOrEqual(1)
  }
}
