import { describe, expect, it } from 'vitest'
import { epochOrder, philox, STREAM, uniform4 } from '../src/random.ts'

describe('philox', () => {
  // The known answers that its authors publish with Random123 (kat_vectors, philox4x32 with 10 rounds).
  it.each([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ] as [[number, number, number, number], [number, number], number[]][])(
    '%j under %j',
    (counter, key, want) => {
      expect(philox(counter, key)).toEqual(want)
    },
  )
})

describe('uniform4', () => {
  it('differ by seed, stream, counter and subcounter, beyond 32 bits, too', () => {
    const places = [
      [0, 1, 0, 0],
      [1, 1, 0, 0],
      [2 ** 32, 1, 0, 0],
      [0, 2, 0, 0],
      [0, 1, 1, 0],
      [0, 1, 2 ** 32, 0],
      [0, 1, 0, 1],
    ] as [number, number, number, number][]
    expect(new Set(places.map((place) => uniform4(...place)[0])).size).toBe(places.length)
  })

  it('have the moments they should have', () => {
    const uniform = Array.from({ length: 10_000 }, (_, i) => uniform4(3, STREAM.augment, i)).flat()
    expect(mean(uniform)).toBeCloseTo(0.5, 2)
    expect(mean(uniform.map((v) => (v - 0.5) ** 2))).toBeCloseTo(1 / 12, 2)
  })
})

describe('epochOrder', () => {
  it('is a permutation, the same for the same seed and epoch and another for others', () => {
    const order = epochOrder(5, 2, 1000)
    expect([...order].sort((a, b) => a - b)).toEqual([...Array(1000).keys()])
    expect(epochOrder(5, 2, 1000)).toEqual(order)
    expect(epochOrder(5, 3, 1000)).not.toEqual(order)
    expect(epochOrder(6, 2, 1000)).not.toEqual(order)
  })

  it('puts every sample everywhere equally often', () => {
    const counts = new Float64Array(25)
    for (let epoch = 0; epoch < 5000; epoch++) {
      epochOrder(1, epoch, 5).forEach((sample, place) => {
        counts[5 * sample + place]! += 1
      })
    }
    // 1000 expected each, standard deviation 28: five of them either way
    expect(Math.min(...counts)).toBeGreaterThan(860)
    expect(Math.max(...counts)).toBeLessThan(1140)
  })

  it('takes sets of none and of one', () => {
    expect([...epochOrder(0, 0, 0)]).toEqual([])
    expect([...epochOrder(0, 0, 1)]).toEqual([0])
  })
})

function mean(values: number[]): number {
  return values.reduce((sum, v) => sum + v, 0) / values.length
}
