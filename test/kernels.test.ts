import { afterAll, describe, expect, it } from 'vitest'
import { compile } from '../src/graph/compile.ts'
import { Executor, Variables } from '../src/graph/execute.ts'
import type { Gpu } from '../src/kernels/gpu.ts'
import {
  float64,
  gradientGraph,
  NOT_DIFFERENTIABLE,
  opNames,
  type Row,
  referenceValues,
  rowsOf,
  useGpu,
} from './harness.ts'
import { type Launch, launch } from './launch.ts'
import { compare, reductionLength } from './tolerance.ts'

const gpu = useGpu()

// The rest of a last vec4, outputs and scratch start as one of these: one that spreads through sums, one that a
// comparison or a maximum would let through.
const POISONS = [Number.NaN, -1e30]

/** Worst share of the allowance by test and operator, printed at the end. */
const shares = new Map<string, { share: number; where: string }>()

afterAll(() => {
  const lines = [...shares].map(
    ([key, { share, where }]) => `${key.padEnd(28)} ${percent(share).padStart(6)}  ${where}`,
  )
  console.log(`Worst share of the allowance used (test/tolerance.ts):\n${lines.join('\n')}`)
})

const percent = (share: number) => `${(share * 100).toFixed(1)}%`

function expectClose(
  test: string,
  title: string,
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  K: number,
) {
  const { share, worst } = compare(got, want, K)
  if (share >= (shares.get(test)?.share ?? 0)) shares.set(test, { share, where: `${title}, ${worst}` })
  expect(share, `${test} ${title}: ${worst}`).toBeLessThanOrEqual(1)
}

describe.each(opNames.filter((name) => rowsOf(name)[0]!.op.alias === undefined))('%s on the GPU', (name) => {
  it.each(rowsOf(name))('equals its reference: $title', async (row) => {
    const want = row.op.reference(row.inputs.map(float64), row.specs, row.attrs)
    const runs: Launch[] = []
    for (const poison of POISONS) runs.push(await launch(gpu(), row, poison))
    for (const { damage } of runs) expect(damage).toEqual([])
    const K = reductionLength(name, row.specs, row.attrs)
    for (const [i, expected] of want.entries()) {
      expectClose(name, row.title, runs[0]!.outputs[i]!, expected, K)
    }
    const [first, second] = runs.map(({ outputs }) => outputs.map(bits))
    expect(second, 'the same input gave different bits').toEqual(first)
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
  const plan = compile(graph, device.device.limits.maxStorageBufferBindingSize)
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
    const expected = want.get(graph.outputs.get(name)!)!
    expectClose(`gradient of ${row.name}`, `${row.title} ${name}`, got[i]!, expected, K)
  }
}

const bits = (data: Float32Array) => new Uint32Array(data.slice().buffer)
