/** What the last layer says of each bin, in weights that are passed on. */
import type { NamedTensor } from './arena.ts'
import { type Bins, logOdds } from './bins.ts'
import type { BinChange } from './network.ts'

/**
 * Logits are linear in the last layer's weights, and odds are their exponentials.
 * @param weight [K, inputs, R, S] and `bias` [K], a row for each bin
 * @param paintedAt the network paints at logits ⁄ paintedAt
 */
export function adjustBinRows(
  { weight, bias }: { readonly weight: NamedTensor; readonly bias: NamedTensor },
  bins: Bins,
  { temperature, ...odds }: BinChange,
  paintedAt = 1,
): void {
  for (const { data } of [weight, bias]) for (let i = 0; i < data.length; i++) data[i]! /= temperature
  for (const [bin, change] of logOdds(bins, odds).entries()) bias.data[bin]! += paintedAt * change
}
