import { type ConvGeometry, SUBGROUP_LANES, subgroupTile } from './convGeometry.ts'
import { ceilDiv, type Dispatch, type Ref, type Traits } from './op.ts'

/** Sizes of y [batches,M,N] = a × w, summed over L terms; N a multiple of 4. */
export interface ProductSizes {
  readonly batches: number
  readonly M: number
  readonly L: number
  readonly N: number
}

/** y [batches,M,N] = a [batches,M,L] × w [batches,L,N]. */
export function batchedProduct(sizes: ProductSizes, a: Ref, w: Ref, y: Ref, traits: Traits): Dispatch {
  return traits.subgroupLanes === SUBGROUP_LANES
    ? subgroupProduct(sizes, a, w, y)
    : blockedProduct(sizes, a, w, y)
}

/** y [batches,M,N] = aᵀ × w for a [batches,L,M] and w [batches,L,N]. */
export function batchedProductTurned(sizes: ProductSizes, a: Ref, w: Ref, y: Ref, traits: Traits): Dispatch {
  return traits.subgroupLanes === SUBGROUP_LANES
    ? subgroupProductTurned(sizes, a, w, y)
    : blockedProduct(sizes, a, w, y, 1)
}

/** Lanes along each side of a workgroup of `batched_product`. */
const SIDE = 8

function blockedProduct({ batches, M, L, N }: ProductSizes, a: Ref, w: Ref, y: Ref, TURNED = 0): Dispatch {
  const VEC = N / 4 > SIDE ? 2 : 1
  // the fewest rows that are filled up, and of these the largest tile
  const padded = (height: number) => ceilDiv(M, height * SIDE) * height
  const ROWS = [8, 4].reduce((best, height) => (padded(height) < padded(best) ? height : best))
  return {
    shader: 'batched_product',
    constants: { ROWS, VEC, TURNED },
    params: { M, L, N },
    bindings: [a, w, y],
    workgroups: [ceilDiv(M, ROWS * SIDE), ceilDiv(N / 4, SIDE * VEC), batches],
  }
}

/** 1×1 convolutions of images of one row, each with a weight of its own. */
function subgroupProduct({ batches, M, L, N }: ProductSizes, a: Ref, w: Ref, y: Ref): Dispatch {
  const { LX, LY, VEC, ROWS } = subgroupTile(N, M)
  const plain = { HAS_BIAS: 0, HAS_RESIDUAL: 0, ACTIVATION: 0 }
  const epilogue = { yStart: 0, yChannels: N, residualScale: 1, low: 0, high: 0 }
  return {
    shader: 'conv2d_subgroup',
    constants: { ...plain, LX, LY, VEC, PIXELS: ROWS },
    params: { ...rowImages(batches, M, L, N), pixels: M, ...epilogue },
    bindings: [a, w, w, w, y],
    workgroups: [ceilDiv(M, ROWS * LY), batches, ceilDiv(N / 4, LX * VEC)],
  }
}

/** Gradients of those 1×1 convolutions to their weights, one in each split. */
function subgroupProductTurned({ batches, M, L, N }: ProductSizes, a: Ref, w: Ref, y: Ref): Dispatch {
  const { LX, LY, VEC, ROWS } = subgroupTile(N, M)
  return {
    shader: 'conv2d_grad_weight_subgroup',
    constants: { LX, LY, VEC, ROWS },
    params: { ...rowImages(batches, L, M, N), rowsPerSplit: 1 },
    bindings: [a, w, y],
    workgroups: [ceilDiv(M, ROWS * LY), ceilDiv(N / 4, LX * VEC), batches],
  }
}

/** N images of one row of W pixels, and a kernel of one tap. */
function rowImages(N: number, W: number, C: number, K: number): ConvGeometry {
  const one = { H: 1, OH: 1, R: 1, S: 1, strideH: 1, strideW: 1, dilationH: 1, dilationW: 1 }
  return { N, W, OW: W, C, K, padTop: 0, padLeft: 0, ...one }
}
