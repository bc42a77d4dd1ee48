import { describe, expect, it } from 'vitest'
import { jitterLightness } from '../src/train/lightness-jitter.ts'

const COUNT = 20_001
const jittered = (value: number, strength: number, contrast: number, grain: number, a = 0.5, b = 0.25) => {
  const lightness = new Float32Array(COUNT).fill(value)
  jitterLightness(lightness, { strength, draws: [contrast, grain, a, b] })
  return lightness
}
const mean = (values: Float32Array) => values.reduce((sum, v) => sum + v, 0) / values.length

describe('the lightness of a training picture', () => {
  it.each([
    [0, 0.9],
    [0.5, 1],
    [1 - 2 ** -32, 1.1],
  ])('has its contrast changed about mid-grey, a draw of %d by a factor of %d', (draw, factor) => {
    for (const value of [-0.5, 0, 0.8])
      for (const changed of jittered(value, 0.1, draw, 0)) expect(changed).toBeCloseTo(factor * value, 6)
  })

  it('gets grain of the deviation that was drawn, 12.5 times the strength in L* at most, symmetric and no pattern', () => {
    const grain = jittered(0, 0.2, 0.5, 0.5).map((value) => 50 * value)
    const deviation = Math.sqrt(mean(grain.map((value) => value * value)))
    expect(deviation).toBeGreaterThan(0.97 * 1.25)
    expect(deviation).toBeLessThan(1.03 * 1.25)
    expect(Math.abs(mean(grain))).toBeLessThan(0.05) // five times what chance gives
    for (let lag = 1; lag <= 16; lag++) {
      const product = mean(grain.subarray(lag).map((value, i) => value * grain[i]!))
      expect(Math.abs(product) / deviation ** 2).toBeLessThan(0.05)
    }
  })

  it('is changed in the same way by the same draws, and in another one by others', () => {
    expect(jittered(0.3, 0.1, 0.2, 0.9)).toEqual(jittered(0.3, 0.1, 0.2, 0.9))
    expect(jittered(0.3, 0.1, 0.2, 0.9, 0.75)).not.toEqual(jittered(0.3, 0.1, 0.2, 0.9))
    expect(jittered(0.3, 0.1, 0.2, 0.9, 0.5, 0.5)).not.toEqual(jittered(0.3, 0.1, 0.2, 0.9))
  })

  it('stays within black and white, and white itself stays', () => {
    for (const value of jittered(-0.99, 1, 1, 1)) expect(value).toBeGreaterThanOrEqual(-1)
    for (const value of jittered(0.99, 1, 1, 1)) expect(value).toBeLessThanOrEqual(1)
    expect(jittered(1, 1, 0, 1).every((value) => value === 1)).toBe(true)
  })
})
