/**
 * `npm run test:adapter`: every row of the kernels, with float16 and the subgroups' matrices where the adapter has them, a training held
 * against PyTorch, and one colouring. Without vitest, so that it runs where only the package's own dependencies are. With an argument
 * I/N, such as 1/8, only the I-th of N parts, so that a GPU with many cores beside it is not kept waiting by the references.
 */

import { matricesOf } from '../../src/kernels/matrix/gemm.ts'
import { openGpu } from '../../src/node/dawn.ts'
import {
  byMatrices,
  HALF_STORAGE,
  inHalf,
  opNames,
  type Row,
  rowsOf,
  runsOn,
  variantsOf,
} from '../harness.ts'
import { verify } from '../launch.ts'
import { colours } from '../runner/colours.ts'
import { Run } from '../runner/run.ts'
import { trains } from '../runner/trains.ts'

const [part = 0, parts = 0] = (process.argv[2] ?? '1/1').split('/').map(Number)
if (!(part >= 1 && part <= parts)) throw new Error(`${process.argv[2]}: give a part of all rows, such as 1/8`)
const gpu = await openGpu({ subgroupMatrices: true })
const run = new Run({
  '^kernels with subgroups of 8 lanes$': 'GPUs have larger ones',
  '^float16 in memory$': 'not all have it',
  '^subgroup matrices$': 'few have them',
})
console.log(`${gpu.adapterName}, part ${part} of ${parts}`)

const plain = opNames.flatMap(rowsOf).filter(({ op }) => op.alias === undefined)
const variants = plain.flatMap(variantsOf)
const halves = HALF_STORAGE.flatMap((half) =>
  variants.filter(({ op }) => op.half).map((row) => inHalf(row, half)),
)
const matrices = matricesOf(gpu.traits)
const multiplied = matrices
  ? plain
      .flatMap((row) => byMatrices(row, matrices))
      .map((row) => inHalf(row, { inputs: true, output: true }))
  : []
if (!matrices) run.skip('subgroup matrices', 'the adapter has none that fit')
if (!gpu.has('shader-f16')) run.skip('float16 in memory', 'the adapter has no 16-bit floats')
if (gpu.traits.subgroupLanes !== 8)
  run.skip('kernels with subgroups of 8 lanes', 'the adapter has other ones')

const rows: Row[] = [...variants, ...(gpu.has('shader-f16') ? [...halves, ...multiplied] : [])]
for (const row of rows.filter((row, i) => i % parts === part - 1 && runsOn(gpu, row)))
  await run.test(`${row.name} ${row.title}`, async () => (await verify(gpu, row)).problems)
if (part === 1) {
  await run.test('a training equals PyTorch', () => trains(gpu))
  await run.test('a colouring equals its reference', () => colours(gpu))
}
run.end()
