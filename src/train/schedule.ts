/** How the learning rate and the averaging of the weights change in the course of a training. */

/** `steps`: a tenth at each of some epochs, as the report has it; `cosine`: down to zero at the training's end. */
export const SCHEDULES = ['cosine', 'steps'] as const
export type Schedule = (typeof SCHEDULES)[number]

/** The report divides the learning rate by ten at each of these epochs. */
const RATE_DROPS = [100, 150, 200, 300]

export interface Progress {
  /** Steps done, and the epoch the next one is in; both count from 0. */
  readonly step: number
  readonly epoch: number
  /** Steps of the whole training. */
  readonly total: number
}

export interface RateSettings {
  /** At its highest. */
  readonly learningRate: number
  readonly schedule: Schedule
  /** Steps over which it rises. */
  readonly warmup: number
}

/** The learning rate of the next step. Over the first `warmup` steps it rises evenly (Goyal et al. 2017, section 2.2). */
export function rateAt({ learningRate, schedule, warmup }: RateSettings, { step, epoch, total }: Progress) {
  const risen = Math.min(1, (step + 1) / Math.max(1, warmup))
  if (schedule === 'steps') {
    return (risen * learningRate) / 10 ** RATE_DROPS.filter((drop) => epoch >= drop).length
  }
  // Loshchilov and Hutter 2017, equation 5, with one period
  return (risen * learningRate * (1 + Math.cos(Math.PI * Math.min(1, step / total)))) / 2
}

/**
 * The share of the new weights in their running average, after a step that `step` others came before. The average spans the
 * last tenth of a young training, and 1 / (1 − decay) steps of a longer one. With decay 0 it equals the weights.
 */
export function averagingRate(decay: number, step: number): number {
  return 1 - Math.min(decay, (step + 1) / (step + 10))
}
