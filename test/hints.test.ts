import { describe, expect, it } from 'vitest'
import { hintInput, type ToldColour, toldColours } from '../src/infer/hints.ts'
import { drawHints } from '../src/train/hints.ts'
import { seeded } from './harness.ts'

const size = 32
const cells = size / 4
const random = seeded('hints')
const picturesOf = (count: number) =>
  Float32Array.from({ length: 2 * count * size * size }, () => 100 * (random() - 0.5))
const at = (position: number, epoch = 0, seed = 1) => ({ seed, size, place: { epoch, position } })

describe('random hints', () => {
  it('are the mean colours of one cell, or of one and its neighbours; nothing is told elsewhere', () => {
    const ab = picturesOf(60)
    const hints = drawHints(ab, at(0))
    const meanOf = (n: number, rows: readonly number[], columns: readonly number[], c: number) => {
      const values = rows.flatMap((row) =>
        columns.flatMap((column) =>
          Array.from({ length: 16 }, (_, i) => {
            const [y, x] = [4 * row + (i >> 2), 4 * column + (i % 4)]
            return ab[2 * ((n * size + y) * size + x) + c]!
          }),
        ),
      )
      return values.reduce((a, b) => a + b, 0) / values.length
    }
    const around = (middle: number) => [middle - 1, middle, middle + 1].filter((i) => i >= 0 && i < cells)
    let [told, alone] = [0, 0]
    for (let i = 0; i < hints.length; i += 3) {
      const [a, b, mask] = hints.subarray(i, i + 3)
      const cell = i / 3
      const [n, row, column] = [Math.floor(cell / cells ** 2), Math.floor(cell / cells) % cells, cell % cells]
      if (mask === 0) {
        expect([a, b]).toEqual([0, 0])
        continue
      }
      told++
      expect(mask).toBe(1)
      // the cell is alone, or belongs to a square around itself or one of its neighbours
      const middles = around(row).flatMap((y) => around(column).map((x) => [around(y), around(x)] as const))
      const squares = [[[row], [column]] as const, ...middles]
      const fits = squares.findIndex(([rows, columns]) =>
        [a!, b!].every((value, c) => Math.abs(50 * value - meanOf(n, rows, columns, c)) < 1e-3),
      )
      expect(fits).toBeGreaterThanOrEqual(0)
      if (fits === 0) alone++
    }
    expect(alone).toBeGreaterThan(20)
    expect(told - alone).toBeGreaterThan(20)
  })

  it('are none for two samples in five', () => {
    const count = 1000
    const hints = drawHints(new Float32Array(2 * count * size * size), at(0))
    const each = hints.length / count
    const silent = Array.from({ length: count }, (_, n) => hints.subarray(n * each, (n + 1) * each)).filter(
      (told) => !told.some(Boolean),
    )
    expect(silent.length / count).toBeGreaterThan(0.35)
    expect(silent.length / count).toBeLessThan(0.45)
  })

  it('depend on seed, epoch and the sample alone, whatever batch it is in', () => {
    const ab = picturesOf(1)
    const eight = Float32Array.from({ length: 8 * ab.length }, (_, i) => ab[i % ab.length]!)
    const whole = drawHints(eight, at(16))
    const each = whole.length / 8
    for (const n of [0, 3, 7]) {
      expect(drawHints(ab, at(16 + n))).toEqual(whole.subarray(n * each, (n + 1) * each))
    }
    expect(drawHints(eight, at(16, 1))).not.toEqual(whole)
    expect(drawHints(eight, at(16, 0, 2))).not.toEqual(whole)
  })
})

describe('hints of a person', () => {
  /** The cells that are told, as "row,column": [a, b]. */
  const cellsOf = (told: readonly ToldColour[], width = 160, height = 128) => {
    const input = hintInput(told, { width, height })
    expect(input.length).toBe((3 * width * height) / 16)
    const cells: Record<string, number[]> = {}
    for (let cell = 0; 3 * cell < input.length; cell++) {
      const [a, b, mask] = input.subarray(3 * cell, 3 * cell + 3)
      if (mask === 0) expect([a, b]).toEqual([0, 0])
      else cells[`${Math.floor((4 * cell) / width)},${cell % (width / 4)}`] = [50 * a!, 50 * b!, mask!]
    }
    return cells
  }
  const at = (x: number, y: number, a = 25, radius?: number) => ({ x, y, a, b: -75, radius })

  it('are told of the cell where they lie, by fractions of width and height', () => {
    expect(cellsOf([])).toEqual({})
    expect(cellsOf([at(0.51, 0.26)])).toEqual({ '8,20': [25, -75, 1] })
    expect(cellsOf([at(0, 0)])).toEqual({ '0,0': [25, -75, 1] })
    expect(cellsOf([at(1, 1)])).toEqual({ '31,39': [25, -75, 1] })
    // a grey one is told, too
    expect(cellsOf([{ x: 0, y: 1, a: 0, b: 0 }])).toEqual({ '31,0': [0, 0, 1] })
  })

  it('are told of the cells around, as many as training has told, where their radius reaches them', () => {
    const around = (row: number, column: number) =>
      [-1, 0, 1].flatMap((y) => [-1, 0, 1].map((x) => `${row + y},${column + x}`))
    const oneCell = 1 / 32
    expect(Object.keys(cellsOf([at(0.5, 0.5, 25, 0.9 * oneCell)]))).toEqual(['16,20'])
    for (const radius of [oneCell, 1])
      expect(Object.keys(cellsOf([at(0.5, 0.5, 25, radius)])).sort()).toEqual(around(16, 20).sort())
    expect(Object.keys(cellsOf([at(1, 0, 25, oneCell)])).sort()).toEqual(['0,38', '0,39', '1,38', '1,39'])
  })

  it('count as the last one says where two are told of one cell', () => {
    expect(cellsOf([at(0.5, 0.5, 25), at(0.5, 0.5, 50)])).toEqual({ '16,20': [50, -75, 1] })
  })

  it('are colours of sRGB, of which the lightness does not count', () => {
    const [red, gray] = toldColours([
      { x: 0.1, y: 0.2, color: '#Ff0000', radius: 0.3 },
      { x: 1, y: 0, color: '#7f7f7f' },
    ])
    // of pure red in sRGB, CIE L*a*b* with D65
    expect([red!.a, red!.b].map(Math.round)).toEqual([80, 67])
    expect(red).toMatchObject({ x: 0.1, y: 0.2, radius: 0.3 })
    expect(gray).toMatchObject({ x: 1, y: 0, a: 0, b: 0 })
  })
})
