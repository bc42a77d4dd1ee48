import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { PORTABLE, type Traits } from '../src/device/traits.ts'
import { compile } from '../src/graph/compile.ts'
import { Graph } from '../src/graph/graph.ts'
import { conv2dDefaults } from '../src/kernels/conv/conv2d.ts'
import { CONV_DEFAULTS, SUBGROUP_LANES } from '../src/kernels/conv/convGeometry.ts'
import { choiceKey } from '../src/kernels/op.ts'
import { trainingGraph } from '../src/model/graphs.ts'
import { reportNetwork } from '../src/model/report/index.ts'
import { doctor, formatDoctor } from '../src/node/doctor.ts'
import { checkpointPath } from '../src/node/store/run-folder.ts'
import { choicesOf, openTunedGpu, precisionOn, readTuning, saveTuning } from '../src/node/store/tuning.ts'
import { readCheckpoint } from '../src/node/weights.ts'
import { type Convolution, candidatesOf, convolutionsOf } from '../src/tune/convolutions.ts'
import { tune, winnerOf } from '../src/tune/tune.ts'
import { useGpu } from './device.ts'
import { succeeded } from './kill.ts'
import { run } from './program.ts'

const gpu = useGpu()
const cache = mkdtempSync(join(tmpdir(), 'colorizer-tuning-'))
const usualCache = process.env.COLORIZER_CACHE
beforeAll(() => {
  process.env.COLORIZER_CACHE = cache
})
beforeEach(() => rmSync(join(cache, 'tuning'), { recursive: true, force: true }))
afterAll(() => {
  if (usualCache === undefined) delete process.env.COLORIZER_CACHE
  else process.env.COLORIZER_CACHE = usualCache
  rmSync(cache, { recursive: true, force: true })
})

/** So wide that there is a choice. */
const NETWORK = { classes: 1000, width: 0.125 }
const IMAGE = { batch: 1, height: 16, width: 16 }
const LIMIT = 2 ** 27

/** Two convolutions of 8 channels and one of 16, with all that can be computed of them. */
function convolutions(): Graph {
  const graph = new Graph()
  const small = graph.op(
    'conv2d',
    [graph.input('x', [1, 8, 8, 8]), graph.input('w', [3, 3, 8, 8])],
    conv2dDefaults,
  )
  const large = graph.op('conv2d', [small, graph.input('v', [3, 3, 8, 16])], conv2dDefaults)
  graph.output('small', small)
  graph.output('large', large)
  return graph
}

const shadersOf = (graph: Graph, traits: Traits) =>
  compile(graph, LIMIT, traits).steps.map(({ dispatch }) => dispatch.shader)
const keyOf = (graph: Graph, layer: number) => convolutionsOf([graph])[layer]!.key
const measured = (best: string, usual = 'tiled') => ({ best, usual, milliseconds: { [usual]: 2, [best]: 1 } })

describe('choosing', () => {
  test('a choice reaches the plan of its own shape, and no other', () => {
    const graph = convolutions()
    expect(shadersOf(graph, PORTABLE)).toEqual(['conv2d_tiled', 'conv2d_tiled'])
    const choices = new Map([[keyOf(graph, 1), 'general']])
    expect(shadersOf(graph, { ...PORTABLE, choices })).toEqual(['conv2d_tiled', 'conv2d'])
    expect(compile(graph, LIMIT, { ...PORTABLE, choices })).toEqual(
      compile(convolutions(), LIMIT, { ...PORTABLE, choices }),
    )
  })

  test('a candidate that the shape or the adapter does not have leaves the usual one', () => {
    const graph = convolutions()
    for (const name of ['subgroup', 'no such kernel']) {
      const choices = new Map([[keyOf(graph, 0), name]])
      expect(shadersOf(graph, { ...PORTABLE, choices })).toEqual(['conv2d_tiled', 'conv2d_tiled'])
    }
  })

  test('work has one name whatever the order of its attributes, and unlike work has another', () => {
    const shapes = [{ shape: [1, 4, 4, 8] }, { shape: [3, 3, 8, 8] }]
    const { stride, ...rest } = CONV_DEFAULTS
    const key = choiceKey('conv2d', shapes, CONV_DEFAULTS)
    expect(choiceKey('conv2d', shapes, { ...rest, stride })).toBe(key)
    expect(choiceKey('conv2d', shapes, { ...rest, stride: [2, 2] })).not.toBe(key)
    expect(choiceKey('conv2d', [{ shape: [2, 4, 4, 8] }, shapes[1]!], CONV_DEFAULTS)).not.toBe(key)
  })

  test('all convolutions of a training step are found, equal ones once', () => {
    const found = convolutionsOf([trainingGraph(reportNetwork(NETWORK), IMAGE)])
    const count = (op: string) =>
      found.filter((one) => one.op === op).reduce((sum, { layers }) => sum + layers.length, 0)
    // 12 layers and the fusion's two; no gradient to the picture and to the class vector
    expect([count('conv2d'), count('conv2dGradInput'), count('conv2dGradWeight')]).toEqual([15, 13, 15])
    expect(new Set(found.map(({ key }) => key)).size).toBe(found.length)
    const twice = convolutionsOf([
      trainingGraph(reportNetwork(NETWORK), IMAGE),
      trainingGraph(reportNetwork(NETWORK), IMAGE),
    ])
    expect(twice.map(({ layers }) => layers.length)).toEqual(found.map(({ layers }) => 2 * layers.length))
  })
})

describe('the winner', () => {
  test.each<[string, [string, number[]][], string]>([
    [
      'is the fastest',
      [
        ['usual', [10, 11, 12]],
        ['other', [5, 6, 7]],
        ['third', [6, 7, 8]],
      ],
      'other',
    ],
    [
      'is the usual one of equals',
      [
        ['usual', [10, 11, 12]],
        ['other', [10, 11, 12]],
      ],
      'usual',
    ],
    [
      'is the usual one within the noise',
      [
        ['usual', [100, 100]],
        ['other', [98, 98]],
      ],
      'usual',
    ],
    [
      'needs more than a lucky median',
      [
        ['usual', [10, 30, 30]],
        ['other', [10, 11, 12]],
      ],
      'usual',
    ],
    ['may be the only one', [['usual', [3]]], 'usual'],
  ])('%s', (_, times, best) => {
    expect(winnerOf(times)).toMatchObject({ best, usual: 'usual' })
  })
})

describe('the file', () => {
  test('keeps what was measured, adds to it, and is used from then on', async () => {
    expect(readTuning(gpu())).toMatchObject({ tuning: null, problem: null })
    const graph = convolutions()
    await saveTuning(gpu(), { [keyOf(graph, 0)]: measured('general') })
    const path = await saveTuning(gpu(), { [keyOf(graph, 1)]: measured('tiled') })
    const { tuning, problem } = readTuning(gpu())
    expect(problem).toBeNull()
    expect(Object.keys(tuning!.shapes)).toHaveLength(2)
    expect([...choicesOf(tuning!)]).toEqual([[keyOf(graph, 0), 'general']])
    expect(readdirSync(join(cache, 'tuning')).map((name) => join(cache, 'tuning', name))).toEqual([path])
    const own = await openTunedGpu({ adapter: process.env.COLORIZER_ADAPTER }, expect.unreachable)
    expect(shadersOf(graph, own.traits)[0]).toBe('conv2d')
    own.destroy()
    const report = await doctor({ adapter: process.env.COLORIZER_ADAPTER })
    expect(report.tuning).toMatchObject({ file: path, measured: 2, changed: 1 })
    expect(formatDoctor(report)).toMatch(
      /^tuning .*\.json, \d{4}-\d\d-\d\d: 2 convolutions measured, 1 by other/m,
    )
  })

  test('says how values are stored where nobody asks for anything else', async () => {
    expect(precisionOn(gpu(), undefined)).toBe('f32')
    const halves = { best: 'f16', usual: 'f32', milliseconds: { f32: 2, f16: 1 } }
    await saveTuning(gpu(), {}, halves)
    await saveTuning(gpu(), { [keyOf(convolutions(), 0)]: measured('general') })
    expect(precisionOn(gpu(), undefined)).toBe('f16')
    expect(precisionOn(gpu(), 'f32')).toBe('f32')
    const report = await doctor({ adapter: process.env.COLORIZER_ADAPTER })
    expect(formatDoctor(report)).toMatch(/; colouring takes f16 \(f32 2\.0 ms, f16 1\.0 ms\)$/m)
    await saveTuning(gpu(), {}, { ...halves, best: 'f32' })
    expect(precisionOn(gpu(), undefined)).toBe('f32')
  })

  test.each<[string, (json: Record<string, unknown>) => unknown, RegExp]>([
    ['of another adapter', (json) => ({ ...json, adapter: 'some other' }), /was measured on another adapter/],
    ['of other kernels', (json) => ({ ...json, kernels: '0'.repeat(64) }), /was measured with other kernels/],
    ['without shapes', ({ shapes, ...json }) => json, /is no tuning of this program/],
    [
      'with strange shapes',
      (json) => ({ ...json, shapes: { a: { best: 1 } } }),
      /is no tuning of this program/,
    ],
    ['with a strange precision', (json) => ({ ...json, precision: 'f16' }), /is no tuning of this program/],
    ['that is no object', () => [1, 2], /is no tuning of this program/],
    ['cut short', () => null, /is damaged/],
  ])('%s is warned of in one sentence, and not used', async (what, change, sentence) => {
    const graph = convolutions()
    const path = await saveTuning(gpu(), { [keyOf(graph, 0)]: measured('general') })
    const text = readFileSync(path, 'utf8')
    const changed = change(JSON.parse(text))
    writeFileSync(path, what === 'cut short' ? text.slice(0, text.length / 2) : JSON.stringify(changed))
    const warnings: string[] = []
    const own = await openTunedGpu({ adapter: process.env.COLORIZER_ADAPTER }, (line) => warnings.push(line))
    expect(own.traits.choices.size).toBe(0)
    own.destroy()
    expect(warnings).toEqual([expect.stringMatching(sentence)])
    expect(warnings[0]).toMatch(/^\S.*: the usual kernels are taken until it is measured anew$/)
    const report = await doctor({ adapter: process.env.COLORIZER_ADAPTER })
    expect(report.problems).toContain(warnings[0])
    await saveTuning(gpu(), { [keyOf(graph, 1)]: measured('general') })
    expect(Object.keys(readTuning(gpu()).tuning!.shapes)).toEqual([keyOf(graph, 1)])
  })
})

describe('measuring', () => {
  const options = { seconds: 2, progress: () => {}, signal: new AbortController().signal }
  const withChoice = (all: readonly Convolution[]) =>
    all.filter((convolution) => candidatesOf(convolution, gpu().traits).length > 1)

  test('times the candidates of every convolution and leaves no buffer behind', async () => {
    gpu().pool.trim()
    const before = gpu().pool.created
    const all = withChoice(convolutionsOf([convolutions()]))
    const found = await tune(gpu(), all, { ...options, seconds: 30 })
    expect([...found.keys()].sort()).toEqual(all.map(({ key }) => key).sort())
    for (const convolution of all) {
      const names = candidatesOf(convolution, gpu().traits).map(({ name }) => name)
      const { best, usual, milliseconds } = found.get(convolution.key)!
      expect(usual).toBe(names[0])
      expect(Object.keys(milliseconds)).toEqual(names)
      expect(names).toContain(best)
      expect(milliseconds[best]!).toBeLessThanOrEqual(milliseconds[usual]!)
    }
    gpu().pool.trim()
    expect(gpu().pool.created).toBe(before)
  })

  test('stops when it is interrupted and when the time is up', async () => {
    const all = withChoice(convolutionsOf([trainingGraph(reportNetwork(NETWORK), IMAGE)]))
    const aborted = AbortSignal.abort()
    expect((await tune(gpu(), all, { ...options, signal: aborted })).size).toBe(0)
    expect((await tune(gpu(), all, { ...options, seconds: 0.001 })).size).toBeLessThan(all.length)
  })
})

describe('the command', () => {
  const network = [
    '--network',
    'report',
    '--width',
    String(NETWORK.width),
    '--size',
    String(IMAGE.width),
    '--batch',
    '1',
  ]
  const training = ['samples/photos', '--classifier', 'none', '--schedule', 'steps', ...network]

  test('tunes a tiny network, and the next training begins with what it found', async () => {
    const tuned = await run(['tune', '--width', '0.05', '--size', '32', '--budget', '2', '--json', '--quiet'])
    expect(tuned).toMatchObject({ code: 0, stderr: '' })
    const report = JSON.parse(tuned.stdout.toString())
    expect(report.measured).toBeGreaterThan(0)
    expect(report.convolutions).toHaveLength(report.measured)
    const precisions = gpu().has('shader-f16') ? { f32: expect.any(Number), f16: expect.any(Number) } : null
    expect(report.precision?.milliseconds ?? null).toEqual(precisions)
    const { shapes, precision = null } = JSON.parse(readFileSync(report.file, 'utf8'))
    expect(precision).toEqual(report.precision)
    expect(Object.keys(shapes)).toHaveLength(report.measured)
  })

  test('a resumed training computes as it began, whatever was tuned since', async () => {
    const [plain, resumed, tuned] = ['plain', 'resumed', 'tuned'].map((name) => join(cache, name)) as [
      string,
      string,
      string,
    ]
    const toStep = (steps: number, out: string) => ['train', ...training, '--steps', `${steps}`, '--out', out]
    succeeded(await run(toStep(4, plain)))
    succeeded(await run(toStep(2, resumed)))
    const all = convolutionsOf([trainingGraph(reportNetwork(NETWORK), IMAGE)]).map((convolution) => {
      const names = candidatesOf(convolution, gpu().traits).map(({ name }) => name)
      return [convolution.key, measured(names.at(-1)!, names[0])] as const
    })
    await saveTuning(gpu(), Object.fromEntries(all))
    const end = await run([...toStep(4, resumed), '--resume'])
    succeeded(end)
    expect(end.stderr).toContain('it goes on with the kernels that it began with')
    const begun = await run(toStep(4, tuned))
    succeeded(begun)
    expect(begun.stderr).not.toContain('it goes on')

    const [a, b, c] = await Promise.all(
      [plain, resumed, tuned].map((folder) => readCheckpoint(checkpointPath(folder))),
    )
    expect(a!.settings.choices).toBeUndefined()
    expect(b!.settings).toEqual(a!.settings)
    expect(Buffer.from(b!.raw.buffer).equals(Buffer.from(a!.raw.buffer))).toBe(true)
    expect(new Map(Object.entries(c!.settings.choices!))).toEqual(choicesOf(readTuning(gpu()).tuning!))
    // Winograd's kernels, which only such an adapter has, round otherwise than the rest
    const isAnother = !Buffer.from(c!.raw.buffer).equals(Buffer.from(a!.raw.buffer))
    if (gpu().traits.subgroupLanes === SUBGROUP_LANES) expect(isAnother).toBe(true)
  })

  test('refuses what it cannot do', async () => {
    expect(await run(['tune', 'photo.jpg'])).toMatchObject({ code: 2 })
    expect(await run(['tune', '--budget', '0'])).toMatchObject({ code: 2 })
  })
})
