import { type Candidate, ceilDiv, type Dispatch, fitsGrid, grid, type Ref, type Traits } from './op.ts'

/**
 * Matrix products in blocks that lie in workgroup memory (`shaders/lib/gemm_blocked.wgsl`), and convolutions as such products:
 * the way of adapters that have many lanes and memory for them.
 */

/** Lanes along each side of a workgroup. */
const SIDE = 8
/** Workgroups that keep a GPU busy: two for each of the 132 multiprocessors of an H100. A CPU has no such need. */
const enoughFor = ({ isSoftware }: Traits) => (isSoftware ? 1 : 256)
/** Below that many terms a split is not worth the copy of the result that it writes. */
const MIN_TERMS = 64
const MAX_SPLITS = 16
/** Partial sums of all splits take at most this much memory. */
const MAX_PARTIAL_ELEMS = 2 ** 22

/** Sizes of `batches` products [M,L] × [L,N]; N a multiple of 4. */
export interface ProductSizes {
  readonly batches: number
  readonly M: number
  readonly L: number
  readonly N: number
}

/** Rows, and vec4s of columns, that one invocation holds in registers, as the shaders' constants are called. */
export type Block = Readonly<Record<'ROWS' | 'VEC', number>>

const SMALL: Block = { ROWS: 4, VEC: 1 }

/** Up to 64 × 64: narrower where there are not as many columns, and lower where fewer rows are filled up then. */
export function largeBlock({ M, N }: ProductSizes): Block {
  const padded = (height: number) => ceilDiv(M, height * SIDE) * height
  return { ROWS: padded(4) < padded(8) ? 4 : 8, VEC: N / 4 > SIDE ? 2 : 1 }
}

/** Blocks of the result along rows and columns. */
export const blocksOf = ({ M, N }: ProductSizes, { ROWS, VEC }: Block) =>
  [ceilDiv(M, ROWS * SIDE), ceilDiv(N / 4, SIDE * VEC)] as const

const workgroupsOf = (sizes: ProductSizes, block: Block) => {
  const [x, y] = blocksOf(sizes, block)
  return x * y * sizes.batches
}

/** Into how many parts the sum over the terms is cut so that there are workgroups enough (split-K). */
function splitsOf(sizes: ProductSizes, block: Block, traits: Traits): number {
  const { batches, M, L, N } = sizes
  const wanted = ceilDiv(enoughFor(traits), workgroupsOf(sizes, block))
  const most = Math.min(
    MAX_SPLITS,
    Math.floor(L / MIN_TERMS),
    Math.floor(MAX_PARTIAL_ELEMS / (batches * M * N)),
  )
  const splits = Math.max(1, Math.min(wanted, most))
  return ceilDiv(L, ceilDiv(L, splits))
}

/** The block, and the splits, that such a product is computed in. */
export function blockFor(sizes: ProductSizes, traits: Traits): { block: Block; splits: number } {
  const large = largeBlock(sizes)
  if (workgroupsOf(sizes, large) >= enoughFor(traits)) return { block: large, splits: 1 }
  return { block: SMALL, splits: splitsOf(sizes, SMALL, traits) }
}

/**
 * The ways to compute a product in blocks: large ones, small ones, and small ones of which several share a sum. First the one
 * that has workgroups enough.
 */
export function blockedWays(
  sizes: ProductSizes,
  traits: Traits,
  dispatches: (block: Block, splits: number) => Dispatch[],
): Candidate[] {
  const usual = blockFor(sizes, traits)
  const large = largeBlock(sizes)
  const ways = [{ name: 'blocked', block: large, splits: 1 }]
  if (large.ROWS !== SMALL.ROWS || large.VEC !== SMALL.VEC)
    ways.push({ name: 'blocked-small', block: SMALL, splits: 1 })
  const splits = splitsOf(sizes, SMALL, traits)
  if (splits > 1) ways.push({ name: 'blocked-split', block: SMALL, splits })
  const isUsual = (way: (typeof ways)[number]) =>
    way.splits === usual.splits && way.block.ROWS === usual.block.ROWS && way.block.VEC === usual.block.VEC
  ways.sort((a, b) => Number(isUsual(b)) - Number(isUsual(a)))
  return ways
    .map(({ name, block, splits }) => ({ name, dispatches: dispatches(block, splits) }))
    .filter((way) => way.dispatches.every(fitsGrid))
}

/** The ways of a direct convolution in the order that suits the adapter: a CPU has no memory for workgroups, and few lanes. */
export function directWays(
  {
    subgroup,
    tiled,
    blocked,
    general,
  }: Readonly<Record<'subgroup' | 'tiled' | 'blocked' | 'general', Candidate[]>>,
  { isSoftware }: Traits,
): Candidate[] {
  return isSoftware
    ? [...subgroup, ...tiled, ...blocked, ...general]
    : [...blocked, ...subgroup, ...tiled, ...general]
}

/** What a convolution does with its sums, as the last kernel of it takes it. */
export interface Epilogue {
  readonly constants: Readonly<Record<string, number>>
  readonly params: Readonly<Record<string, number>>
  /** The image, the weight, bias, residual and result. */
  readonly bindings: readonly Ref[]
}

/** Sums and no more, to a result of `channels`. */
export const plainSums = (channels: number): Pick<Epilogue, 'constants' | 'params'> => ({
  constants: { HAS_BIAS: 0, HAS_RESIDUAL: 0, ACTIVATION: 0 },
  params: { yStart: 0, yChannels: channels, residualScale: 1, low: 0, high: 0 },
})

/** Adds up sums [splits, rows, channels] and does with them what the convolution does. */
export function sumSplits(
  rows: number,
  channels: number,
  splits: number,
  sums: Ref,
  { constants, params, bindings: [, , bias, residual, y] }: Epilogue,
): Dispatch {
  return {
    shader: 'sum_splits',
    constants,
    params: { rows, K: channels, splits, ...params },
    bindings: [sums, bias!, residual!, y!],
    workgroups: grid(ceilDiv((rows * channels) / 4, 64)),
  }
}
