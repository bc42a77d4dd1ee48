/** Channels of a trunk's last tap that are left out by chance, so that a network does not lean on a few of them. */
import { STREAM, uniform4 } from '../random.ts'
import type { DataPosition } from './batches.ts'

export interface ChannelDropout {
  readonly seed: number
  /** Share of the channels that are left out, below 1. */
  readonly share: number
  readonly channels: number
  readonly samples: number
  /** Of the first sample. */
  readonly place: DataPosition
}

/**
 * What each channel of each sample is multiplied by: 0, or 1 ⁄ (1 − share), so that the mean stays (Srivastava et al. 2014,
 * "Dropout").
 * @returns [samples,1,1,channels]; a pure function of seed and place
 */
export function drawChannels({ seed, share, channels, samples, place }: ChannelDropout): Float32Array {
  const kept = 1 / (1 - share)
  const factors = new Float32Array(samples * channels)
  const blocks = Math.ceil(channels / 4)
  for (let n = 0; n < samples; n++) {
    for (let block = 0; block < blocks; block++) {
      const counter = (place.position + n) * blocks + block
      const draws = uniform4(seed, STREAM.channels, counter, place.epoch)
      for (let i = 0; i < Math.min(4, channels - 4 * block); i++)
        factors[n * channels + 4 * block + i] = draws[i]! < share ? 0 : kept
    }
  }
  return factors
}
