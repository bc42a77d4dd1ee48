import type { SubgroupMatrices, Traits } from '../../device/traits.ts'
import { type Candidate, ceilDiv, type Dispatch, fitsGrid } from '../op.ts'
import { ENOUGH_BLOCKS, MAX_PARTIAL_ELEMS } from '../splits.ts'

/**
 * Matrix products, and convolutions as such products, in blocks that lie in workgroup memory: the way of GPUs, which have many
 * lanes and memory for them. Two files under `shaders/lib` compute them: `gemm_blocked` in registers, `gemm_matrix` in the
 * subgroups' matrices (tensor cores).
 */

/** Sizes of `batches` products [M,L] × [L,N]; N a multiple of 4. */
export interface ProductSizes {
  readonly batches: number
  readonly M: number
  readonly L: number
  readonly N: number
}

/** How a product is computed: by which file, in how many blocks along rows and columns, in how many parts of the sum. */
export interface ProductKernel {
  readonly by: 'blocked' | 'matrix'
  readonly constants: Readonly<Record<string, number>>
  readonly blocks: readonly [number, number]
  readonly splits: number
}

/** The kernels of a whole product by such a kernel. */
type Dispatches = (kernel: ProductKernel) => Dispatch[]

/** Lanes along each side of a workgroup of `gemm_blocked`. */
const SIDE = 8
/** Below that many terms a split is not worth the copy of the result that it writes. */
const MIN_TERMS = 128
const MAX_SPLITS = 64

/** A block of up to 64 × 64: narrower where there are not as many columns, and lower where a quarter fewer rows are filled up. */
function largeBlock(sizes: ProductSizes): ProductKernel {
  const padded = (height: number) => ceilDiv(sizes.M, height * SIDE) * height
  return block(sizes, padded(4) <= 0.75 * padded(8) ? 4 : 8, sizes.N / 4 > SIDE ? 2 : 1)
}

const smallBlock = (sizes: ProductSizes) => block(sizes, 4, 1)

function block({ M, N }: ProductSizes, ROWS: number, VEC: number): ProductKernel {
  const blocks = [ceilDiv(M, ROWS * SIDE), ceilDiv(N / 4, SIDE * VEC)] as const
  return { by: 'blocked', constants: { ROWS, VEC }, blocks, splits: 1 }
}

const workgroupsOf = ({ batches }: ProductSizes, { blocks }: ProductKernel) => blocks[0] * blocks[1] * batches

/** Cuts the sum into parts, so that there are workgroups enough (split-K). */
function split(sizes: ProductSizes, kernel: ProductKernel): ProductKernel {
  const { batches, M, L, N } = sizes
  const wanted = ceilDiv(ENOUGH_BLOCKS, workgroupsOf(sizes, kernel))
  const fits = Math.floor(MAX_PARTIAL_ELEMS / (batches * M * N))
  const splits = Math.max(1, Math.min(wanted, MAX_SPLITS, Math.floor(L / MIN_TERMS), fits))
  return { ...kernel, splits: ceilDiv(L, ceilDiv(L, splits)) }
}

/** The ways to compute a product in blocks by their names; the first that has workgroups enough is taken. */
function blockings(sizes: ProductSizes): readonly (readonly [string, ProductKernel])[] {
  const large = largeBlock(sizes)
  return [
    ['blocked', large],
    ['blocked-split', split(sizes, large)],
    ['blocked-small', split(sizes, smallBlock(sizes))],
  ]
}

const hasEnough = (sizes: ProductSizes, kernel: ProductKernel) =>
  workgroupsOf(sizes, kernel) * kernel.splits >= ENOUGH_BLOCKS

/** The blocks that a product is computed in, on a CPU large ones. */
export function blockedKernel(sizes: ProductSizes, { isSoftware }: Traits): ProductKernel {
  const all = blockings(sizes).map(([, kernel]) => kernel)
  return isSoftware ? all[0]! : (all.find((kernel) => hasEnough(sizes, kernel)) ?? all.at(-1)!)
}

/** The same where nobody adds parts of a sum up. */
export function unsplitKernel(sizes: ProductSizes, { isSoftware }: Traits): ProductKernel {
  const large = largeBlock(sizes)
  return isSoftware || hasEnough(sizes, large) ? large : smallBlock(sizes)
}

/**
 * All ways to compute a product in blocks, that of `blockedKernel` first. None on a CPU: it has few lanes and no memory of
 * workgroups, so that filling blocks costs it more than it saves (`docs/performance.md`).
 */
export function blockedWays(sizes: ProductSizes, traits: Traits, dispatches: Dispatches): Candidate[] {
  if (traits.isSoftware) return []
  const keyOf = (kernel: ProductKernel) => JSON.stringify(kernel)
  const ways = new Map<string, Candidate>()
  for (const [name, kernel] of blockings(sizes)) {
    const key = keyOf(kernel)
    if (!ways.has(key)) ways.set(key, { name, dispatches: dispatches(kernel) })
  }
  const usual = ways.get(keyOf(blockedKernel(sizes, traits)))!
  return [usual, ...[...ways.values()].filter((way) => way !== usual)].filter((way) =>
    way.dispatches.every(fitsGrid),
  )
}

/** Rows and columns of a block of `gemm_matrix`, its terms at a time, and its lanes. */
const MATRIX_BLOCK = { M: 64, N: 64, K: 32 } as const
const MATRIX_LANES = 128

/** By the subgroups' matrices, where the adapter has them and the product fills them. */
export function matrixWays(sizes: ProductSizes, traits: Traits, dispatches: Dispatches): Candidate[] {
  const matrices = matricesOf(traits)
  if (!matrices || sizes.M < matrices.M || sizes.N < matrices.N || sizes.L < matrices.K) return []
  const [SUBGROUPS_Y] = subgroupsOf(matrices.lanes)
  const { M: TILE_M, N: TILE_N, K: TILE_K, lanes: SUBGROUP } = matrices
  const blocks = [ceilDiv(sizes.M, MATRIX_BLOCK.M), ceilDiv(sizes.N, MATRIX_BLOCK.N)] as const
  const constants = { TILE_M, TILE_N, TILE_K, SUBGROUP, SUBGROUPS_Y }
  const kernel = split(sizes, { by: 'matrix', constants, blocks, splits: 1 })
  const way = { name: 'matrix', dispatches: dispatches(kernel) }
  return way.dispatches.every(fitsGrid) ? [way] : []
}

/** Of the adapter's kinds of matrices the largest that `gemm_matrix` can be cut into; null where there is none. */
export function matricesOf({ matrices = [] }: Pick<Traits, 'matrices'>): SubgroupMatrices | null {
  const size = ({ M, N, K }: SubgroupMatrices) => M * N * K
  const fitting = matrices.filter(fitsMatrixBlock)
  return fitting.length ? fitting.reduce((best, one) => (size(best) >= size(one) ? best : one)) : null
}

/** Whether `gemm_matrix` can be cut into matrices of that kind. */
export function fitsMatrixBlock({ M, N, K, lanes }: SubgroupMatrices): boolean {
  const [down, across] = subgroupsOf(lanes)
  const divides = (part: number, whole: number) => whole % part === 0
  return (
    divides(lanes, MATRIX_LANES) &&
    divides(M * down, MATRIX_BLOCK.M) &&
    divides(N * across, MATRIX_BLOCK.N) &&
    divides(K, MATRIX_BLOCK.K)
  )
}

/** Rows and columns that the subgroups of a workgroup stand in, as square as can be. */
function subgroupsOf(lanes: number): [number, number] {
  const down = 2 ** Math.floor(Math.log2(MATRIX_LANES / lanes) / 2)
  return [down, MATRIX_LANES / lanes / down]
}

/** The ways of a convolution besides Winograd's that suit the adapter: in blocks where it takes them. */
export const directWays = (
  ways: Readonly<Record<'subgroup' | 'tiled' | 'blocked' | 'general', Candidate[]>>,
): Candidate[] => [
  ...(ways.blocked.length ? ways.blocked : [...ways.subgroup, ...ways.tiled]),
  ...ways.general,
]
