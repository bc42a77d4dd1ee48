import { afterAll, describe, expect, it } from 'vitest'
import { pipelineKey } from '../src/device/shader.ts'
import { PORTABLE } from '../src/device/traits.ts'
import { compile } from '../src/graph/compile.ts'
import { Executor, Variables } from '../src/graph/execute.ts'
import { type Entry, partOf, sizeOf } from './covering.ts'
import { useGpu } from './device.ts'
import {
  gradientGraph,
  NOT_DIFFERENTIABLE,
  named,
  opNames,
  type Row,
  referenceValues,
  rowsOf,
} from './harness.ts'
import { Shares } from './shares.ts'
import { compare, reductionLength } from './tolerance.ts'

const gpu = useGpu()
const shares = new Shares()
afterAll(() => shares.print())

/** What a row's graph covers: each kernel behind each operator. Each kernel has all of its rows in `kernels.test.ts`. */
function entryOf(row: Row): Entry {
  const { steps } = compile(gradientGraph(row).graph, 2 ** 27, PORTABLE)
  const kernels = steps.map(({ dispatch }) => dispatch)
  return {
    covers: [row.name, ...kernels.map(({ shader }) => `${row.name} ${shader}`)],
    size: sizeOf(row),
    compiles: kernels.map(({ shader, constants }) => pipelineKey(shader, constants ?? {})),
  }
}

const rows = opNames.filter((name) => !NOT_DIFFERENTIABLE.includes(name)).flatMap(rowsOf)

describe('on the GPU', () => {
  it.for(partOf(rows, entryOf).map(named))(
    'the gradient of %s equals the graph of references',
    async ([, row]) => {
      const { graph, values } = gradientGraph(row)
      const want = referenceValues(graph, values)
      const { device, traits } = gpu()
      const plan = compile(graph, device.limits.maxStorageBufferBindingSize, traits)
      const executor = await Executor.create(gpu(), plan, new Variables(gpu()))
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
        shares.record(row.name, `${row.title} ${name}`, comparison)
        expect(comparison.share, `${name}: ${comparison.worst}`).toBeLessThanOrEqual(1)
      }
    },
  )
})
