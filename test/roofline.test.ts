import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import type { Peaks } from '../bench/peaks.ts'
import { formatRoofline, KINDS, type Roofline, rooflineOf } from '../bench/roofline.ts'
import { rooflineSvg } from '../bench/roofline-svg.ts'
import { graphsOf } from '../bench/workload.ts'
import { PORTABLE } from '../src/device/traits.ts'
import { convolutionsOf } from '../src/tune/convolutions.ts'

const size = { width: 1, size: 224, batch: 1 }
const convolutions = convolutionsOf(graphsOf(size))
const peaks: Peaks = {
  gflops: 100,
  copies: [
    { bytes: 1e5, gbPerSecond: 4 },
    { bytes: 1e8, gbPerSecond: 2 },
  ],
}
/** Every convolution twice as slow as its operations alone would be. */
const times = convolutions.map(({ flops }) => (2 * flops) / 1e6 / peaks.gflops)
const roofline: Roofline = {
  adapter: 'some <adapter> & driver',
  date: '2026-01-01T00:00:00.000Z',
  clock: 'gpu',
  tuned: 0,
  size,
  ...rooflineOf(convolutions, times, peaks, PORTABLE),
}
const rowOf = (kind: string, layer: string) =>
  roofline.rows.find((row) => row.kind === kind && row.layers[0] === layer)!

describe('the roofline', () => {
  test('has every convolution of the network and both of its gradients', () => {
    const layers = (kind: string) =>
      roofline.rows.filter((row) => row.kind === kind).map((row) => row.layers[0])
    expect(layers('forward')).toHaveLength(15)
    expect(layers('dw').sort()).toEqual(layers('forward').sort())
    // none to the picture, none to the class vector
    expect(layers('dx')).toHaveLength(13)
  })

  test('counts the operations and bytes of the direct convolution, and the larger floor', () => {
    const { flops, bytes, floor, milliseconds, share, kernel } = rowOf('forward', 'encoder.conv7')
    // 3 × 3 taps of 512 channels to 512, less those that the border of 28 × 28 cuts off
    expect(flops).toBe(2 * (3 * 28 - 2) ** 2 * 512 * 512)
    expect(bytes).toBe(4 * (2 * 28 * 28 * 512 + 9 * 512 * 512 + 512))
    expect(floor).toBe(flops / 1e6 / 100)
    expect([milliseconds, share, kernel]).toEqual([2 * floor, 0.5, 'winograd'])
    for (const kind of Object.values(KINDS)) expect(rowOf(kind, 'encoder.conv7').flops).toBe(flops)
    const vector = roofline.rows.find(({ kind, shape }) => kind === 'forward' && shape.includes('×1000 →'))!
    expect(vector.bytes).toBe(4 * (1000 + 256_000 + 256 + 256))
    expect(vector.floor).toBe(vector.bytes / 1e6 / 4) // of the fastest copy
  })

  test('names the kernels that are chosen', () => {
    const { key } = convolutions[0]!
    const traits = { ...PORTABLE, choices: new Map([[key, 'general']]) }
    expect(rooflineOf(convolutions, times, peaks, traits).rows[0]!.kernel).toBe('general')
  })

  test('is a table', () => {
    const text = formatRoofline(roofline)
    expect(text).toMatch(
      /^forward encoder\.conv7 +winograd +1×28×28×512 → 28×28×512, 3×3 +3\.53 +12\.7 +35\.3 +70\.5 +50\.0 +50%$/m,
    )
    expect(text).toContain('peaks: 100 GFLOP/s multiply-add; copy 4.00 GB/s')
    expect(text).toMatch(/all of them once: \d+ ms, the floor is \d+ ms$/)
  })

  test('is a picture with a dot for each of them, all inside', async () => {
    const svg = rooflineSvg(roofline)
    const { width, height, format } = await sharp(Buffer.from(svg)).metadata()
    expect([format, width, height]).toEqual(['svg', 960, 620])
    const dots = [...svg.matchAll(/<title>(.*?)<\/title><circle cx="([\d.]+)" cy="([\d.]+)"/g)]
    expect(dots).toHaveLength(roofline.rows.length)
    for (const [, , cx, cy] of dots) {
      expect(Number(cx)).toBeGreaterThan(70)
      expect(Number(cx)).toBeLessThan(690)
      expect(Number(cy)).toBeGreaterThan(70)
      expect(Number(cy)).toBeLessThan(560)
    }
    expect(svg).toContain('some &lt;adapter&gt; &amp; driver')
    // half the peak, whatever the intensity: one height
    expect(new Set(dots.map(([, , , cy]) => cy)).size).toBe(1)
  })
})
