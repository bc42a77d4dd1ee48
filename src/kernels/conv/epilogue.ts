import { ceilDiv, type Dispatch, grid, type Ref } from '../op.ts'

/** What a convolution does with its sums, as the last kernel of it takes it. */
export interface Epilogue {
  readonly constants: Readonly<Record<string, number>>
  /** The parameters `struct Epilogue` of `shaders/lib/epilogue.wgsl`. */
  readonly params: Readonly<Record<'yStart' | 'yChannels' | 'residualScale' | 'low' | 'high', number>>
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
  sums: Ref,
  { splits, rows, channels }: { splits: number; rows: number; channels: number },
  { constants, params, bindings: [, , bias, residual, y] }: Epilogue,
): Dispatch {
  return {
    shader: 'sum_splits',
    constants,
    params: { rows, K: channels, splits, epilogue: params },
    bindings: [sums, bias!, residual!, y!],
    workgroups: grid(ceilDiv((rows * channels) / 4, 64)),
  }
}
