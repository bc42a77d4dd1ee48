import type { Traits } from '../../device/traits.ts'
import { type ConvGeometry, chooseTile, subgroupTile, takesSubgroups } from '../conv/convGeometry.ts'
import { plainSums } from '../conv/epilogue.ts'
import { ceilDiv, type Dispatch, elementwise, type Ref, scratch } from '../op.ts'
import { blockedKernel, type ProductKernel, type ProductSizes, unsplitKernel } from './gemm.ts'

/** Both factors and the product. */
interface Operands {
  readonly a: Ref
  readonly w: Ref
  readonly y: Ref
}

/** y [batches,M,N] = a [batches,M,L] × w [batches,L,N]. */
export function batchedProduct(sizes: ProductSizes, operands: Operands, traits: Traits): Dispatch {
  if (takesSubgroups(traits)) return subgroupProduct(sizes, operands)
  if (traits.isSoftware) return tiledProduct(sizes, operands)
  return blockedProduct(sizes, operands, unsplitKernel(sizes, traits), 0)
}

/** y [batches,M,N] = aᵀ × w for a [batches,L,M] and w [batches,L,N]; `free` is the number of a scratch that is free. */
export function batchedProductTurned(
  sizes: ProductSizes,
  operands: Operands,
  free: number,
  traits: Traits,
): Dispatch[] {
  if (takesSubgroups(traits)) return [subgroupProductTurned(sizes, operands)]
  const kernel = blockedKernel(sizes, traits)
  if (kernel.splits === 1) return [blockedProduct(sizes, operands, kernel, 1)]
  const count = sizes.batches * sizes.M * sizes.N
  const sums = scratch(free, kernel.splits * count)
  return [
    blockedProduct(sizes, { ...operands, y: sums }, kernel, 1),
    elementwise('sum_partials', count, [sums, operands.y], { params: { parts: kernel.splits } }),
  ]
}

function blockedProduct(
  { batches, M, L, N }: ProductSizes,
  { a, w, y }: Operands,
  { constants, blocks, splits }: ProductKernel,
  TURNED: 0 | 1,
): Dispatch {
  return {
    shader: 'batched_product',
    constants: { ...constants, TURNED },
    params: { batches, M, L, N, termsPerSplit: ceilDiv(L, splits) },
    bindings: [a, w, y],
    workgroups: [...blocks, batches * splits],
  }
}

/** 1×1 convolutions of images of one row, each with a weight of its own. */
function subgroupProduct({ batches, M, L, N }: ProductSizes, { a, w, y }: Operands): Dispatch {
  const { LX, LY, VEC, ROWS } = subgroupTile(N, M)
  const plain = plainSums(N)
  return {
    shader: 'conv2d_subgroup',
    constants: { ...plain.constants, LX, LY, VEC, PIXELS: ROWS },
    params: { conv: rowImages(batches, M, L, N), pixels: M, epilogue: plain.params },
    bindings: [a, w, w, w, y],
    workgroups: [ceilDiv(M, ROWS * LY), batches, ceilDiv(N / 4, LX * VEC)],
  }
}

/** The same without subgroups. Processors have caches: workgroup memory gains them nothing, and its barriers cost them much. */
function tiledProduct({ batches, M, L, N }: ProductSizes, { a, w, y }: Operands): Dispatch {
  const { LX, LY, VEC, ROWS } = chooseTile(N, M)
  const plain = plainSums(N)
  return {
    shader: 'conv2d_tiled',
    constants: { ...plain.constants, LX, LY, VEC, PIXELS: ROWS },
    params: { conv: rowImages(batches, M, L, N), weightVectors: (L * N) / 4, epilogue: plain.params },
    bindings: [a, w, w, w, y],
    workgroups: [ceilDiv(M, ROWS * LY), batches, ceilDiv(N / 4, LX * VEC)],
  }
}

/** Gradients of those 1×1 convolutions to their weights, one in each split. */
function subgroupProductTurned({ batches, M, L, N }: ProductSizes, { a, w, y }: Operands): Dispatch {
  const { LX, LY, VEC, ROWS } = subgroupTile(N, M)
  return {
    shader: 'conv2d_grad_weight_subgroup',
    constants: { LX, LY, VEC, ROWS },
    params: { conv: rowImages(batches, L, M, N), rowsPerSplit: 1 },
    bindings: [a, w, y],
    workgroups: [ceilDiv(M, ROWS * LY), ceilDiv(N / 4, LX * VEC), batches],
  }
}

/** N images of one row of W pixels, and a kernel of one tap. */
function rowImages(N: number, W: number, C: number, K: number): ConvGeometry {
  const one = { H: 1, OH: 1, R: 1, S: 1, strideH: 1, strideW: 1, dilationH: 1, dilationW: 1 }
  return { N, W, OW: W, C, channelsPerGroup: C, K, padTop: 0, padLeft: 0, ...one }
}
