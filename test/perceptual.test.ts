/** The term that compares what a trunk sees of the result and of the original. */
import { describe, expect, it } from 'vitest'
import { backward } from '../src/autograd/backward.ts'
import { srgbToLab } from '../src/color/lab.ts'
import { compile } from '../src/graph/compile.ts'
import { Executor, Variables } from '../src/graph/execute.ts'
import { Graph } from '../src/graph/graph.ts'
import { runReference } from '../src/graph/reference.ts'
import { perceptualLoss } from '../src/model/perceptual.ts'
import { useGpu } from './device.ts'
import { seeded } from './harness.ts'
import { compare } from './tolerance.ts'
import { smallTrunk } from './trunk-models.ts'

const trunk = await smallTrunk()
const SIDE = 32
const PIXELS = SIDE * SIDE
const random = seeded('perceptual')
const rgb = Uint8Array.from({ length: 3 * PIXELS }, (_, i) =>
  i < 9 ? [0, 255, 128][i % 3]! : 256 * random(),
)
const lab = srgbToLab(rgb)
const L = Float64Array.from(lab.L, (l) => l / 50 - 1)
const target = Float64Array.from(lab.ab)
/** Weak colours, all of them sRGB's at these lightnesses. */
const weak = Float64Array.from({ length: PIXELS / 8 }, () => 8 * (random() - 0.5))

/** The term for colours of `side` × `side` cells. */
function term(side: number) {
  const graph = new Graph()
  const ab = graph.input('ab', [1, side, side, 2])
  const loss = perceptualLoss(graph, trunk, {
    L: graph.input('L', [1, SIDE, SIDE, 1]),
    target: graph.input('target', [1, SIDE, SIDE, 2]),
    ab,
  })
  const [gradient] = backward(graph, loss, [ab])
  graph.output('loss', loss)
  graph.output('gradient', gradient!)
  const values = (colours: Float64Array) => new Map(Object.entries({ L, target, ab: colours }))
  const compute = (colours: Float64Array) => {
    const computed = runReference(graph, values(colours))
    return { loss: computed.get(loss)![0]!, gradient: computed.get(gradient!)! }
  }
  return { graph, values, compute }
}

/** The taps of a picture [1,SIDE,SIDE,channels], level⁄127.5 − 1. */
function tapsOf(picture: Float64Array, channels: 1 | 3): Float64Array[] {
  const graph = new Graph()
  const taps = trunk.build(graph, graph.input('picture', [1, SIDE, SIDE, channels]))
  for (const [i, tap] of taps.entries()) graph.output(`${i}`, tap)
  const computed = runReference(graph, new Map([['picture', picture]]))
  return taps.map((tap) => computed.get(tap)!)
}

/** The picture with these colours [1,SIDE,SIDE,2], level⁄127.5 − 1. */
function shown(ab: Float64Array): Float64Array {
  const graph = new Graph()
  const inputs = [graph.input('L', [1, SIDE, SIDE, 1]), graph.input('ab', [1, SIDE, SIDE, 2])]
  const picture = graph.op('labToSrgb', inputs, {})
  graph.output('picture', picture)
  return runReference(graph, new Map(Object.entries({ L, ab }))).get(picture)!
}

it('labToSrgb gives back the levels of a photograph, and cuts off what sRGB has not', () => {
  for (const [i, value] of shown(target).entries())
    expect(Math.abs(127.5 * (value + 1) - rgb[i]!)).toBeLessThan(0.01)
  for (const value of shown(target.map((v) => 9 * v))) expect(Math.abs(value)).toBeLessThanOrEqual(1)
})

it('a trunk sees a picture in colour, and one of equal channels as a grey one', () => {
  const gray = L.map((l) => 0.8 * l)
  const equal = Float64Array.from({ length: 3 * PIXELS }, (_, i) => gray[Math.floor(i / 3)]!)
  expect(tapsOf(equal, 3)).toEqual(tapsOf(gray, 1))
  const red = equal.map((value, i) => (i % 3 === 0 ? 1 : value))
  expect(tapsOf(red, 3)).not.toEqual(tapsOf(gray, 1))
})

describe('the perceptual term', () => {
  it('is zero for the original, and else the distance of the taps by their size', () => {
    const whole = term(SIDE)
    expect(whole.compute(target).loss).toBe(0)
    const wanted = tapsOf(
      Float64Array.from(rgb, (level) => level / 127.5 - 1),
      3,
    )
    const distances = tapsOf(shown(new Float64Array(2 * PIXELS)), 3).map((tap, i) => {
      const distance = tap.reduce((sum, value, at) => sum + (value - wanted[i]![at]!) ** 2, 0)
      return distance / wanted[i]!.reduce((sum, value) => sum + value * value, 0)
    })
    const expected = distances.reduce((sum, distance) => sum + distance / 4, 0)
    expect(expected).toBeGreaterThan(0.01)
    expect(whole.compute(new Float64Array(2 * PIXELS)).loss / expected).toBeCloseTo(1, 3)
    // few cells, enlarged: what is the same everywhere stays so
    const few = term(SIDE / 4)
    expect(few.compute(new Float64Array(PIXELS / 8)).loss / expected).toBeCloseTo(1, 3)
  })

  it('enlarges cells bilinearly, each about its middle', () => {
    const cells = SIDE / 4
    const place = (pixel: number) => Math.min(Math.max((pixel + 0.5) / 4 - 0.5, 0), cells - 1)
    const share = (pixel: number, cell: number) => Math.max(0, 1 - Math.abs(place(pixel) - cell))
    const enlarged = Float64Array.from({ length: 2 * PIXELS }, (_, i) => {
      const [y, x] = [Math.floor(i / 2 / SIDE), Math.floor(i / 2) % SIDE]
      let value = 0
      for (let v = 0; v < cells; v++)
        for (let u = 0; u < cells; u++)
          value += share(y, v) * share(x, u) * weak[2 * (v * cells + u) + (i % 2)]!
      return value
    })
    const [found, wanted] = [term(cells).compute(weak).loss, term(SIDE).compute(enlarged).loss]
    expect(found / wanted).toBeCloseTo(1, 6)
  })

  it('has the gradient that finite differences show', () => {
    const { compute } = term(SIDE / 4)
    const { gradient } = compute(weak)
    expect(Math.max(...gradient.map(Math.abs))).toBeGreaterThan(1e-6)
    const step = 1e-5
    for (let n = 0; n < 6; n++) {
      const i = Math.floor(random() * weak.length)
      const moved = (by: number) => compute(weak.with(i, weak[i]! + by)).loss
      const slope = (moved(step) - moved(-step)) / (2 * step)
      expect(Math.abs(slope - gradient[i]!)).toBeLessThan(1e-4 * Math.max(...gradient.map(Math.abs)))
    }
  })
})

describe('on a GPU', () => {
  const gpu = useGpu()

  it('is what the references compute', async () => {
    const { graph, values, compute } = term(SIDE / 4)
    const plan = compile(graph, gpu().device.limits.maxStorageBufferBindingSize, gpu().traits)
    const executor = await Executor.create(gpu(), plan, new Variables(gpu()))
    for (const [name, data] of values(weak)) executor.upload(name, Float32Array.from(data))
    const [loss, gradient] = await executor.run(['loss', 'gradient'])
    executor.destroy()
    const want = compute(weak)
    expect(compare(loss!, [want.loss], PIXELS)).toSatisfy(({ share }) => share < 1)
    expect(compare(gradient!, want.gradient, PIXELS)).toSatisfy(({ share }) => share < 1)
  })
})
