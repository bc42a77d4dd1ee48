import type { Traits } from '../../device/traits.ts'
import { batchedProduct, batchedProductTurned } from '../matrix/batchedProduct.ts'
import { type Candidate, ceilDiv, type Dispatch, grid, input, output, type Ref, scratch } from '../op.ts'
import type { ConvGeometry } from './convGeometry.ts'
import { type Epilogue, plainSums } from './epilogue.ts'

/**
 * 3×3 convolutions of stride 1 by Winograd's F(4×4, 3×3) (Lavin and Gray 2016): tiles of 4 × 4 outputs and the 6 × 6 inputs
 * that they see are transformed, so that 36 products stand where 144 were; between the transforms stand 36 matrix products.
 * Tiles are taken in parts, so that scratch stays small whatever the batch.
 */

/** Products of one tile and one pair of channels. */
const POINTS = 36
/** Side of a tile of outputs. */
const TILE = 4
/** Elements of one transformed part of an image: 16 MiB. */
const MAX_PART_ELEMS = 2 ** 22
/** Elements of a transformed weight: WebGPU's guaranteed `maxStorageBufferBindingSize`, 128 MiB. */
const MAX_WEIGHT_ELEMS = 2 ** 25

/**
 * From where on Winograd's way measured faster. Products grow as C·K, transforms as C + K: hence `channels`, the least
 * C·K ⁄ (C + K). Transforms of the weight cost the same for every batch: hence `tiles` of all images. The direct gradient to the
 * input transposes the weight as well, that to the weight adds up copies of it.
 */
const LEAST = {
  conv2d: { channels: 16, tiles: 9 },
  conv2dGradInput: { channels: 8, tiles: 4 },
  conv2dGradWeight: { channels: 10, tiles: 9 },
} as const

/**
 * The candidates `direct`, and Winograd's where it can compute the convolution and its gradients: before them where it
 * measured faster.
 */
export function withWinograd(
  op: keyof typeof LEAST,
  g: ConvGeometry,
  direct: Candidate[],
  dispatches: () => Dispatch[],
): Candidate[] {
  if (!fits(g)) return direct
  const winograd = { name: 'winograd', dispatches: dispatches() }
  return pays(op, g) ? [winograd, ...direct] : [...direct, winograd]
}

function fits(g: ConvGeometry): boolean {
  const hasSteps = [g.strideH, g.strideW, g.dilationH, g.dilationW].some((value) => value !== 1)
  const isPlain = g.channelsPerGroup === g.C && !hasSteps
  const hasVectors = g.C % 4 === 0 && g.K % 4 === 0 && POINTS * g.C * g.K <= MAX_WEIGHT_ELEMS
  // more padding than that would be negative padding of the gradient
  return isPlain && hasVectors && g.R === 3 && g.S === 3 && g.padTop <= 2 && g.padLeft <= 2
}

function pays(op: keyof typeof LEAST, { N, OH, OW, C, K }: ConvGeometry): boolean {
  const { channels, tiles } = LEAST[op]
  const isWide = C * K >= channels * (C + K)
  // a tile that hangs over the image computes in vain
  return isWide && Math.min(OH, OW) >= 2 * TILE && N * ceilDiv(OH, TILE) * ceilDiv(OW, TILE) >= tiles
}

/** The convolution itself. With `flipped` the weight is that of another convolution [3,3,K,C], whose gradient this is. */
export function winogradConvolution(
  g: ConvGeometry,
  epilogue: Epilogue,
  traits: Traits,
  { flipped = false, partElems = MAX_PART_ELEMS } = {},
): Dispatch[] {
  const [x, w, bias, residual, y] = epilogue.bindings as [Ref, Ref, Ref, Ref, Ref]
  const parts = partsOf(g, partElems)
  const u = scratch(0, POINTS * g.C * g.K)
  const v = scratch(1, POINTS * parts[0]!.tiles * g.C)
  const m = scratch(2, POINTS * parts[0]!.tiles * g.K)
  const [C, K] = flipped ? [g.K, g.C] : [g.C, g.K]
  return [
    {
      shader: 'winograd_weight',
      constants: { FLIPPED: Number(flipped) },
      params: { C, K },
      bindings: [w, u],
      workgroups: gridOver(C * K),
      isPreparation: true,
    },
    ...parts.flatMap((part) => [
      inputTransform(g, part, x, v),
      batchedProduct({ batches: POINTS, M: part.tiles, L: g.C, N: g.K }, { a: v, w: u, y: m }, traits),
      {
        shader: 'winograd_output',
        constants: epilogue.constants,
        params: { ...part, OH: g.OH, OW: g.OW, K: g.K, epilogue: epilogue.params },
        bindings: [m, bias, residual, y],
        workgroups: gridOver(part.tiles * g.K),
      },
    ]),
  ]
}

/** The gradient to the input: a convolution of dy with the weight turned round. */
export function winogradGradInput(g: ConvGeometry, traits: Traits): Dispatch[] {
  const mirrored = { H: g.OH, W: g.OW, C: g.K, channelsPerGroup: g.K, OH: g.H, OW: g.W, K: g.C }
  const padding = { padTop: 2 - g.padTop, padLeft: 2 - g.padLeft }
  return winogradConvolution(
    { ...g, ...mirrored, ...padding },
    {
      ...plainSums(g.C),
      bindings: [input(0), input(1), input(1), input(1), output(0)],
    },
    traits,
    { flipped: true },
  )
}

/** The gradient to the weight: dw = Gᵀ [Σ over tiles (Bᵀ x B) ⊙ (A dy Aᵀ)] G, the convolution's formula transposed. */
export function winogradGradWeight(g: ConvGeometry, traits: Traits, partElems = MAX_PART_ELEMS): Dispatch[] {
  const parts = partsOf(g, partElems)
  const du = scratch(0, POINTS * g.C * g.K)
  const v = scratch(1, POINTS * parts[0]!.tiles * g.C)
  const dm = scratch(2, POINTS * parts[0]!.tiles * g.K)
  return parts.flatMap((part, i) => [
    inputTransform(g, part, input(0), v),
    {
      shader: 'winograd_output_grad',
      params: { ...part, OH: g.OH, OW: g.OW, K: g.K },
      bindings: [input(1), dm],
      workgroups: gridOver(part.tiles * g.K),
    },
    ...batchedProductTurned(
      { batches: POINTS, M: g.C, L: part.tiles, N: g.K },
      { a: v, w: dm, y: du },
      3,
      traits,
    ),
    {
      shader: 'winograd_weight_grad',
      constants: { ADD: Number(i > 0) },
      params: { pairs: g.C * g.K },
      bindings: [du, output(0)],
      workgroups: gridOver(g.C * g.K),
    },
  ])
}

interface Part {
  readonly first: number
  readonly tiles: number
  readonly TH: number
  readonly TW: number
}

/** The tiles of all images in parts of equal size but the last, which may be smaller. */
function partsOf(g: ConvGeometry, partElems: number): Part[] {
  const [TH, TW] = [ceilDiv(g.OH, TILE), ceilDiv(g.OW, TILE)]
  const all = g.N * TH * TW
  const most = Math.max(1, Math.floor(partElems / (POINTS * Math.max(g.C, g.K))))
  const size = ceilDiv(all, ceilDiv(all, most))
  return Array.from({ length: ceilDiv(all, size) }, (_, i) => ({
    first: i * size,
    tiles: Math.min(size, all - i * size),
    TH,
    TW,
  }))
}

function inputTransform(g: ConvGeometry, part: Part, x: Ref, v: Ref): Dispatch {
  const { H, W, C, padTop, padLeft } = g
  return {
    shader: 'winograd_input',
    params: { ...part, H, W, C, padTop, padLeft },
    bindings: [x, v],
    workgroups: gridOver(part.tiles * C),
  }
}

/** One invocation for each element. */
const gridOver = (elemCount: number) => grid(ceilDiv(elemCount, 64))
