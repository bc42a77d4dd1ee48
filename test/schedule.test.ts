import { describe, expect, it } from 'vitest'
import { averagingRate, rateAt } from '../src/train/schedule.ts'

const steps = { learningRate: 1, schedule: 'steps', warmup: 0 } as const
const cosine = { learningRate: 2, schedule: 'cosine', warmup: 0 } as const
const close = (values: number[], wanted: number[]) =>
  values.forEach((value, i) => {
    expect(value).toBeCloseTo(wanted[i]!, 12)
  })

describe('the learning rate', () => {
  it('falls tenfold at epochs 100, 150, 200 and 300', () => {
    const epochs = [0, 99, 100, 149, 150, 200, 299, 300]
    const rates = epochs.map((epoch) => rateAt(steps, { step: 7, epoch, total: 9 }))
    close(rates, [1, 1, 0.1, 0.1, 0.01, 0.001, 0.001, 0.0001])
  })

  it('falls along half a cosine to zero at the end, and stays there', () => {
    const rates = [0, 100, 150, 200, 300, 400].map((step) => rateAt(cosine, { step, epoch: 0, total: 300 }))
    close(rates, [2, 1.5, 1, 0.5, 0, 0])
  })

  it('rises evenly over the first steps', () => {
    const rates = [0, 1, 3, 4, 9].map((step) =>
      rateAt({ ...steps, warmup: 4 }, { step, epoch: 0, total: 10 }),
    )
    close(rates, [0.25, 0.5, 1, 1, 1])
    expect(rateAt({ ...cosine, warmup: 4 }, { step: 1, epoch: 0, total: 4 })).toBeCloseTo(
      (1 + Math.SQRT1_2) / 2, // half way up, a quarter of the way down
      12,
    )
  })
})

describe('the running average', () => {
  it('spans a tenth of a young training, and what the decay says of a long one', () => {
    close(
      [0, 8, 89, 8990, 1e6].map((step) => averagingRate(0.999, step)),
      [0.9, 0.5, 0.09 / 0.99, 0.001, 0.001].map((rate, i) => (i === 2 ? 9 / 99 : rate)),
    )
    expect(averagingRate(0, 5)).toBe(1)
  })
})
