/**
 * The kernels on a second WebGPU: wgpu, whose WGSL compiler is Naga, as in Firefox. Runs in Deno, so without vitest: the rows of the
 * kernels, a training held against PyTorch, and one colouring. `npm run test:wgpu` starts it.
 */

import { Gpu } from '../../src/device/gpu.ts'
import { SHADER_TEXT } from '../../src/device/shader-text.ts'
import { entryInHalf, entryOf, partOf } from '../covering.ts'
import { dispatchesOf, inHalf, needsSubgroups, opNames, type Row, rowsOf, variantsOf } from '../harness.ts'
import { verify } from '../launch.ts'
import { colours } from '../runner/colours.ts'
import { Run } from '../runner/run.ts'
import { trains } from '../runner/trains.ts'
import skips from './skips.json' with { type: 'json' }

const gpu = await Gpu.open((globalThis as unknown as { navigator: { gpu: GPU } }).navigator.gpu)
if (!gpu) throw new Error('wgpu finds no adapter')
const run = new Run(skips)
console.log(`wgpu on ${gpu.adapter.info.description}`)

/** Kernels that cannot run here. Rows that need one are left out before the table's part is chosen. */
const needingLanes = Object.keys(SHADER_TEXT).filter(
  (name) => !name.startsWith('lib/') && needsSubgroups(name),
)
const lacking = new Set(gpu.traits.subgroupLanes === 8 ? [] : needingLanes)
for (const name of lacking) run.skip(name, 'the adapter has no subgroups of 8 lanes')
const canRun = (row: Row) => dispatchesOf(row).every(({ shader }) => !lacking.has(shader))

const rows = opNames.flatMap(rowsOf).filter(({ op }) => op.alias === undefined)
const variants = rows.flatMap(variantsOf).filter(canRun)
const halves = variants.filter(({ op }) => op.half).map((row) => inHalf(row, { inputs: true, output: true }))
const hasHalves = gpu.has('shader-f16')
if (!hasHalves) run.skip('float16 in memory', 'the adapter has no 16-bit floats')

for (const row of [...partOf(variants, entryOf), ...(hasHalves ? partOf(halves, entryInHalf) : [])]) {
  await run.test(`${row.name} ${row.title}`, async () => (await verify(gpu, row)).problems)
}
await run.test('a training equals PyTorch', () => trains(gpu))
await run.test('a colouring equals its reference', () => colours(gpu))
run.end()
