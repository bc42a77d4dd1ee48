import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { backward } from '../src/autograd/backward.ts'
import { Graph } from '../src/graph/graph.ts'
import { runReference } from '../src/graph/reference.ts'
import { initialStatistics } from '../src/model/arena.ts'
import { COARSE_BINS } from '../src/model/bins.ts'
import { type Loss, lossOf } from '../src/model/losses.ts'
import { architectureOf } from '../src/model/report/layers.ts'
import { initialParameters, layoutOf } from '../src/model/report/layout.ts'
import { buildColorizer } from '../src/model/report/network.ts'
import { rarityOf } from '../src/train/rarity.ts'
import { seeded } from './harness.ts'
import { succeeded } from './kill.ts'
import { run } from './program.ts'

const { centres: BIN_CENTRES, step: BIN_STEP, count: BINS } = COARSE_BINS

const folder = mkdtempSync(join(tmpdir(), 'colorizer-losses-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const inFolder = (name: string) => join(folder, name)

describe('the head of bins', () => {
  const architecture = { classes: 3, width: 0.05, head: 'bins' } as const
  const layout = layoutOf(architecture)
  const paint = (bias: readonly number[]) => {
    const parameters = Float64Array.from(initialParameters(architecture, seeded('bins')))
    const { offset } = layout.parameters.tensors.find(({ name }) => name === 'decoder.conv5.bias')!
    parameters.set(bias, offset) // the weights of the last layer begin at zero
    const graph = new Graph()
    const { ab } = buildColorizer(graph, architecture, { batch: 1, height: 8, width: 8 }, 'infer')
    graph.output('ab', ab)
    const values = new Map([
      ['parameters', parameters],
      ['statistics', Float64Array.from(initialStatistics(layout.statistics))],
      ['L', new Float64Array(64)],
      ['features', new Float64Array(3)],
    ])
    return runReference(graph, values).get(ab)!
  }
  const biased = (...likely: readonly (readonly [number, number])[]) => {
    const bias = Array.from({ length: BINS }, () => -1000)
    for (const [q, logit] of likely) bias[q] = logit
    return bias
  }

  it('paints a colour that it is sure of', () => {
    for (const q of [0, 70, BINS - 1]) {
      const [a, b] = BIN_CENTRES.subarray(2 * q)
      const ab = paint(biased([q, 3]))
      expect([...ab]).toEqual(Array.from({ length: 64 }, () => [a, b]).flat())
    }
  })

  it('leans towards the likelier one of two colours more than their mean', () => {
    const [p, q] = [20, 110]
    const weight = 1 / (1 + Math.exp(-1 / 0.38)) // probabilities of 1 : e, at the temperature 0.38
    const ab = paint(biased([p, 0], [q, 1]))
    const [from, to] = [BIN_CENTRES[2 * p]!, BIN_CENTRES[2 * q]!]
    expect(ab[0]).toBeCloseTo(from + weight * (to - from), 6)
  })

  it('is recognised by the shape of the last layer', () => {
    const shapes = new Map(layout.parameters.tensors.map(({ name, fileShape }) => [name, fileShape]))
    expect(architectureOf((name) => shapes.get(name))).toMatchObject({ head: 'bins', classes: 3 })
  })
})

describe('rarity', () => {
  it('weighs common colours less, with mean 1 over the pixels', () => {
    const counts = new Float64Array(4).map((_, q) => [800, 100, 100, 0][q]!)
    const [common, some, same, never] = rarityOf(counts)
    // 1 / (½ p + ½ · ¼) for p = 0.8, 0.1, 0.1, 0, divided by its mean over the pixels
    const raw = [1 / 0.525, 1 / 0.175, 1 / 0.175, 1 / 0.125]
    const mean = 0.8 * raw[0]! + 0.2 * raw[1]!
    expect([common, some, same, never]).toEqual(raw.map((weight) => Math.fround(weight / mean)))
    expect([...rarityOf(counts, 1)]).toEqual([1, 1, 1, 1]) // all alike
    const milder = rarityOf(counts, 0.9)
    expect(milder[3]! / milder[0]!).toBeLessThan(never! / common!)
  })
})

describe('losses', () => {
  const shape = [2, 4, 6, 2]
  const size = 96
  const random = seeded('losses')
  const weights = Float32Array.from({ length: BINS }, () => 0.5 + random())
  const rarity = { bins: COARSE_BINS, weights }
  const target = Float64Array.from({ length: size }, () => 80 * (random() - 0.5))
  const values = (shift: number) =>
    new Map([
      ['ab', target.map((t, i) => t + (i % 2 ? shift : -shift) * (1 + (i % 5)))],
      ['target', target],
      ['logits', Float64Array.from({ length: (size / 8) * BINS }, () => random())],
    ])
  const build = (loss: Loss, head: 'ab' | 'bins' = 'ab') => {
    const graph = new Graph()
    const ab = graph.input('ab', shape)
    const logits = head === 'bins' ? graph.input('logits', [2, 2, 3, BINS]) : null
    const y = lossOf(graph, { ab, logits }, graph.input('target', shape), { loss, rarity })
    const wrt = logits ?? ab
    const [gradient] = backward(graph, y, [wrt])
    graph.output('loss', y)
    graph.output('gradient', gradient!)
    return (given: Map<string, Float64Array>) => {
      const computed = runReference(graph, given)
      return {
        loss: computed.get(y)![0]!,
        gradient: computed.get(gradient!)!,
        name: logits ? 'logits' : 'ab',
      }
    }
  }
  const meanOf = (of: (error: number) => number, errors: Float64Array) =>
    errors.reduce((sum, error) => sum + of(error), 0) / errors.length

  it('huber: the square of small errors, and a line of the same slope beyond 10 ab units', () => {
    const given = values(4) // errors of 4 to 20
    const errors = given.get('ab')!.map((y, i) => y - target[i]!)
    const huber = (e: number) => (Math.abs(e) <= 10 ? e * e : 20 * Math.abs(e) - 100)
    expect(build('huber')(given).loss).toBeCloseTo(meanOf(huber, errors), 9)
    expect(build('squared')(given).loss).toBeCloseTo(
      meanOf((e) => e * e, errors),
      9,
    )
  })

  it('rarity: squared errors weighted by the colour of each block of 2 × 2', () => {
    const ones = { bins: COARSE_BINS, weights: weights.slice().fill(1) }
    const given = values(3)
    const same = new Graph()
    const [ab, wanted] = [same.input('ab', shape), same.input('target', shape)]
    const plain = lossOf(same, { ab, logits: null }, wanted, { loss: 'rarity', rarity: ones })
    same.output('loss', plain)
    // equal weights: every pixel's bins sum up to one
    expect(runReference(same, given).get(plain)![0]).toBeCloseTo(build('squared')(given).loss, 9)
    // one colour in the middle of a cell: the mean of the roots of its four corners' weights, squared
    const at = (a: number, b: number) => weights[bins().indexOf(`${a},${b}`)]!
    const [s, t] = [BIN_STEP, 2 * BIN_STEP]
    const root = [at(0, s), at(s, s), at(0, t), at(s, t)].reduce((sum, w) => sum + Math.sqrt(w) / 4, 0)
    const one = new Map([
      [
        'ab',
        Float64Array.from({ length: size }, (_, i) => (i % 2 ? 1.5 * BIN_STEP - 4 : 0.5 * BIN_STEP + 3)),
      ],
      ['target', Float64Array.from({ length: size }, (_, i) => (i % 2 ? 1.5 : 0.5) * BIN_STEP)],
    ])
    expect(build('rarity')(one).loss).toBeCloseTo((root ** 2 * (9 + 16)) / 2, 5)
  })

  it('meanHuber: adds the Huber loss of the mean colour, in units of its 10 ab units', () => {
    const given = values(4)
    const lossWith = (meanHuber?: number) => {
      const graph = new Graph()
      const ab = graph.input('ab', shape)
      const logits = graph.input('logits', [2, 2, 3, BINS])
      const wanted = graph.input('target', shape)
      const y = lossOf(graph, { ab, logits }, wanted, { loss: 'squared', rarity, meanHuber })
      graph.output('loss', y)
      return runReference(graph, given).get(y)![0]!
    }
    expect(lossWith(0)).toBe(lossWith())
    expect(lossWith(3) - lossWith()).toBeCloseTo((3 * build('huber')(given).loss) / 100, 9)
  })

  it('compare with the mean colours of squares where the network paints fewer pixels', () => {
    const mean = (y: number, x: number, c: number) => {
      const at = [0, 1].flatMap((v) => [0, 1].map((u) => ((2 * y + v) * 6 + 2 * x + u) * 2 + c))
      return at.reduce((sum, i) => sum + target[i]! / 4, 0)
    }
    const graph = new Graph()
    const small = graph.input('ab', [2, 2, 3, 2])
    const y = lossOf(graph, { ab: small, logits: null }, graph.input('target', shape), { loss: 'squared' })
    graph.output('loss', y)
    // right but for one value, which is 3 too large; rows are counted over both pictures
    const ab = Float64Array.from({ length: 24 }, (_, i) =>
      mean(Math.floor(i / 6), Math.floor(i / 2) % 3, i % 2),
    )
    ab[7]! += 3
    const values = new Map([['ab', ab] as const, ['target', target] as const])
    expect(runReference(graph, values).get(y)![0]).toBeCloseTo(9 / 24, 9)
  })

  it('have the gradients that finite differences show', () => {
    for (const [loss, head] of [
      ['squared', 'ab'],
      ['huber', 'ab'],
      ['rarity', 'ab'],
      ['squared', 'bins'],
    ] as const) {
      const compute = build(loss, head)
      const given = values(3.7)
      const { gradient, name } = compute(given)
      const step = 1e-5
      for (let n = 0; n < 20; n++) {
        const i = Math.floor(random() * gradient.length)
        const moved = (by: number) =>
          compute(new Map([...given, [name, given.get(name)!.map((v, at) => (at === i ? v + by : v))]])).loss
        expect(moved(step) - moved(-step)).toBeCloseTo(2 * step * gradient[i]!, 9)
      }
    }
  })
})

const bins = () => Array.from({ length: BINS }, (_, q) => `${BIN_CENTRES[2 * q]},${BIN_CENTRES[2 * q + 1]}`)

describe('train', () => {
  const OPTIONS = '--network report --size 32 --batch 2 --width 0.1 --classifier none --quiet --json'.split(
    ' ',
  )
  const PHOTOS = ['sky', 'citrus'].map((name) => `samples/photos/${name}.jpg`)
  const train = async (out: string, ...more: string[]) => {
    const ended = await run(['train', ...PHOTOS, ...OPTIONS, '--out', inFolder(out), ...more])
    succeeded(ended)
    return JSON.parse(ended.stdout.toString())
  }
  const measured = async (weights: string) => {
    const ended = await run(['evaluate', ...PHOTOS, '--weights', weights, '--quiet', '--json'])
    succeeded(ended)
    return JSON.parse(ended.stdout.toString())
  }

  it.each([
    ['--loss', 'huber'],
    ['--loss', 'rarity'],
    ['--head', 'bins'],
  ])(
    'learns two photographs with %s %s',
    async (option, value) => {
      const { loss, checkpoint } = await train(value, option, value, '--lr', '4e-3', '--steps', '50')
      const last = loss.slice(-5).reduce((a: number, b: number) => a + b, 0) / 5
      expect(last).toBeLessThan(0.85 * loss[0])
      expect((await measured(checkpoint)).colorfulness).toBeGreaterThan(1)
    },
    240_000,
  )

  it('counts the same rarity again when it is resumed', async () => {
    const few = '--head bins --schedule steps --steps'.split(' ')
    await train('straight', ...few, '6')
    await train('resumed', ...few, '3')
    await train('resumed', ...few, '6', '--resume')
    const [a, b] = ['straight', 'resumed'].map((name) =>
      readFileSync(join(inFolder(name), 'checkpoint.safetensors')),
    )
    expect(a!.equals(b!)).toBe(true)
  })

  it('refuses weights of the other head, and a loss for the head that has its own', async () => {
    const { checkpoint } = await train('other', '--head', 'bins', '--steps', '1')
    const refused = async (code: number, sentence: RegExp, ...more: string[]) => {
      const { code: ended, stderr } = await run(['train', ...PHOTOS, ...OPTIONS, ...more])
      expect(stderr).toMatch(sentence)
      expect(ended).toBe(code)
    }
    const out = ['--out', inFolder('never')]
    await refused(4, /has head bins, not ab/, '--init', checkpoint, '--head', 'ab', ...out)
    await refused(4, /has head bins, not ab/, '--init', checkpoint, '--head', 'ab', '--loss', 'huber', ...out)
    await refused(2, /--loss is for --head ab/, '--head', 'bins', '--loss', 'huber', ...out)
    await refused(2, /--loss is for --head ab/, '--init', checkpoint, '--loss', 'huber', ...out)
    await refused(2, /trained with head bins, not ab/, '--resume', '--head', 'ab', '--out', inFolder('other'))
  })
})
