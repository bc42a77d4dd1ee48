import { describe, expect, it } from 'vitest'
import { srgbToLab } from '../src/color/lab.ts'
import { COARSE_BINS, FINE_BINS, logOdds } from '../src/model/bins.ts'
import { reportNetwork } from '../src/model/report/index.ts'

describe.each([
  ['coarse', COARSE_BINS, 0],
  ['fine', FINE_BINS, 3],
])('the %s bins', (_, { centres, step, count }, more) => {
  const bins = Array.from({ length: count }, (_, q) => `${centres[2 * q]},${centres[2 * q + 1]}`)

  it('are as many as the kernels of convolutions like', () => {
    expect(new Set(bins).size).toBe(count)
    expect(count % 4).toBe(0)
  })

  it('are the corners of all cells that hold a colour of sRGB, and what makes their number a multiple of 4', () => {
    const corners = new Set<string>()
    const levels = Array.from({ length: 256 }, (_, i) => i)
    for (const axis of [0, 1, 2]) {
      for (const end of [0, 255]) {
        // the most colourful ones lie on the surface of the cube
        const rgb = levels.flatMap((u) => levels.flatMap((v) => [u, v].toSpliced(axis, 0, end)))
        const { ab } = srgbToLab(Uint8Array.from(rgb))
        for (let i = 0; i < ab.length; i += 2) {
          const [a, b] = [ab[i]! / step, ab[i + 1]! / step]
          for (const x of [Math.floor(a), Math.ceil(a)]) {
            for (const y of [Math.floor(b), Math.ceil(b)]) corners.add(`${x * step},${y * step}`)
          }
        }
      }
    }
    expect([...corners].filter((corner) => !bins.includes(corner))).toEqual([])
    // what the surface leaves out lies between bins of its row
    const beyond = bins.filter((bin) => {
      const [a, b] = bin.split(',').map(Number) as [number, number]
      const row = [...corners].map((c) => c.split(',').map(Number)).filter(([x]) => x === a)
      return Math.min(...row.map(([, y]) => y!)) > b || Math.max(...row.map(([, y]) => y!)) < b
    })
    expect(beyond.length).toBe(more)
  })
})

it("are given other odds and another temperature in the report's network, too, which paints at 0.38", () => {
  const network = reportNetwork({ classes: 2, width: 0.1, head: 'bins' })
  const bias = Float32Array.from({ length: COARSE_BINS.count }, (_, i) => Math.sin(i))
  const weight = Float32Array.of(3, -2)
  const tensors = new Map([
    ['decoder.conv5.weight', { name: 'decoder.conv5.weight', shape: [2, 1, 1, 1], data: weight }],
    ['decoder.conv5.bias', { name: 'decoder.conv5.bias', shape: [bias.length], data: bias.slice() }],
  ])
  const odds = { grayOdds: 2, purpleOdds: 0.5, redOdds: 0.25, chromaOdds: 3 }
  network.adjustBins!(tensors, { temperature: 0.5, ...odds })
  expect([...weight]).toEqual([6, -4])
  const painted = tensors.get('decoder.conv5.bias')!.data.map((logit) => logit / 0.38)
  for (const [i, change] of logOdds(COARSE_BINS, odds).entries())
    expect(painted[i]).toBeCloseTo(bias[i]! / 0.38 / 0.5 + change, 4)
  expect(reportNetwork({ classes: 2, width: 0.1 }).adjustBins).toBeUndefined()
})
