import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Each, mapEach } from '../src/cli/each.ts'
import { evaluationJson, evaluationText } from '../src/cli/evaluation-report.ts'
import {
  BASELINES,
  type Colourist,
  type Evaluated,
  evaluate,
  type Scores,
} from '../src/cli/measure-photos.ts'
import { pageOf } from '../src/cli/report-page.ts'
import { bestMedianWorst, reportSheet } from '../src/cli/report-sheet.ts'
import { summarise, summariseAll } from '../src/cli/summaries.ts'
import { abError } from '../src/color/metrics/abError.ts'
import { fid, kid as kidOf, productsOf } from '../src/color/metrics/featureSets.ts'
import { paintedColours } from '../src/color/metrics/painted.ts'
import { oneColour } from '../src/color/paint.ts'
import type { Classifier } from '../src/infer/classifier.ts'
import type { FeatureReader } from '../src/infer/features.ts'
import { readPhoto } from '../src/node/image.ts'

import { TINTED, writeTinted } from './tinted-pictures.ts'

const folder = mkdtempSync(join(tmpdir(), 'colorizer-evaluation-'))
afterAll(() => rmSync(folder, { recursive: true }))
const inFolder = (...names: string[]) => join(folder, ...names)
beforeAll(() => writeTinted(inFolder('in')))

describe('an evaluation', () => {
  /** Sees class 1 in pictures that are red on the whole, class 0 in others. */
  const classifier = {
    name: 'eye',
    classify: async (photos, { inColor } = { inColor: false }) =>
      photos.map(({ rgb }) => {
        const redness = rgb.reduce((sum, level, i) => sum + [level, 0, -level][i % 3]!, 0)
        return Float32Array.of(0.5, inColor && redness > 0 ? 1 : 0)
      }),
  } as Classifier
  const judges = { classifier, features: null }
  const call = (interrupted = new AbortController().signal) => ({
    terminal: { say() {}, warn() {}, progress() {} },
    interrupted,
  })
  const photos = TINTED.map((name) => ({ path: inFolder('in', `${name}.png`), relative: name }))
  const colourist = (a: number, b: number): Colourist => ({
    ...{ saturation: 1, judged: true },
    colours: () => oneColour(a, b),
  })
  const colourists: Each<Colourist> = {
    ...{ ...BASELINES, result: colourist(20, 20), shipped: colourist(15, 20) },
  }
  const saturationsOf = (each: Each<Colourist>) => mapEach(each, ({ saturation }) => saturation)
  const all = (interrupted?: AbortSignal) => evaluate(photos, colourists, judges, call(interrupted))
  const setting = {
    weights: 'w',
    against: [],
    ...{ classVectors: null, otherVectors: [] },
    judge: 'eye',
    features: null,
    saturations: saturationsOf(colourists),
    precision: 'f32' as const,
    mirror: false,
    adapter: 'a',
    ...{ report: null, pairs: null },
  }

  it('measures the error after hints, where somebody can be told them', async () => {
    const told: number[] = []
    const study: Colourist['study'] = (_, work) =>
      work(async (hints) => {
        told.push(hints.length)
        const { a, b } = hints.at(-1)!
        return oneColour(a, b)
      })
    const { evaluated, failures } = await evaluate(
      photos,
      { ...colourists, result: { ...colourists.result, study } },
      judges,
      call(),
    )
    expect(told).toEqual([1, 2, 5, 10, 30, 1, 2, 5, 10, 30])
    // the pictures have one colour each
    for (const { scores } of evaluated) {
      expect(scores.result.hints1).toBeLessThan(0.1 * scores.result.abMse)
      expect(scores.result.hints30).toBeLessThan(0.1 * scores.result.abMse)
      expect(scores.gray).not.toHaveProperty('hints1')
    }
    const evaluation = { ...setting, evaluated, summaries: summariseAll(evaluated), failures, left: 0 }
    const { hints, files, baselines } = evaluationJson(evaluation)
    expect(Object.keys(hints!)).toEqual(['1', '2', '5', '10', '30'])
    expect(files[0]).toHaveProperty('hints')
    expect(baselines.gray).not.toHaveProperty('hints')
    expect(evaluationText(evaluation)).toMatch(/^ +after 1 hint +\d/m)
    expect(evaluationText(evaluation)).toMatch(/^ +after 30 hints +\d/m)
  })

  it('finds agreement where the judge sees the same in colour', async () => {
    const { evaluated } = await all()
    // red is right for the warm picture only, and without colour it sees no red
    expect(evaluated.map(({ scores }) => scores.result.agreement)).toEqual([1, 0])
    expect(evaluated.map(({ scores }) => scores.gray.agreement)).toEqual([0, 1])
    expect(evaluated.map(({ scores }) => scores.constant.agreement)).toEqual([undefined, undefined])
  })

  it('has a distance between the sets and between each picture and its original by their features', async () => {
    /** Mean red and mean blue of a picture, 0…1. */
    const features: FeatureReader = {
      name: 'eye',
      features: async (photos) =>
        photos.map(({ rgb }) => {
          const meanOf = (channel: number) =>
            rgb.reduce((sum, level, i) => sum + (i % 3 === channel ? level : 0), 0) / (rgb.length / 3) / 255
          return Float32Array.of(meanOf(0), meanOf(2))
        }),
      destroy() {},
    }
    const { evaluated, failures } = await evaluate(photos, colourists, { classifier, features }, call())
    const [warm, cold] = evaluated
    const { original, painted } = warm!.features!
    expect(original[0]).toBeGreaterThan(original[1]!)
    expect(painted.constant).toBeUndefined()
    expect(painted.gray![0]).toBe(painted.gray![1])
    const cosine = (original[0]! + original[1]!) / (Math.SQRT2 * Math.hypot(...original))
    expect(warm!.scores.gray.featureDistance).toBeCloseTo(1 - cosine, 6)
    const summaries = summariseAll(evaluated)
    const evaluation = { ...setting, features: 'eye', evaluated, summaries, failures, left: 0 }
    const { baselines, kid } = evaluationJson(evaluation)
    const wanted = productsOf(
      [original, cold!.features!.original],
      [painted.gray!, cold!.features!.painted.gray!],
    )
    expect(baselines.gray).toMatchObject({ kid: 1000 * kidOf(wanted).value, fid: fid(wanted) })
    expect(evaluationText(evaluation)).toMatch(new RegExp(`^KID × 1000 +${kid!.toFixed(2)} `, 'm'))
    expect(evaluationText(evaluation)).toContain('features of eye')
    const { kid: ofShipped, kidDifference } = baselines.shipped as {
      kid: number
      kidDifference: { value: number }
    }
    expect(kidDifference.value).toBeCloseTo(kid! - ofShipped, 10)
    const signed = `${kidDifference.value < 0 ? '' : '\\+'}${kidDifference.value.toFixed(2)}`
    expect(evaluationText(evaluation)).toMatch(
      new RegExp(`^KID × 1000 against the shipped weights: ${signed}$`, 'm'),
    )
  })

  it('is held against the shipped weights picture by picture', async () => {
    const { evaluated, failures } = await all()
    const read = await Promise.all(photos.map(({ path }) => readPhoto(path)))
    const differences = read.map(
      (photo) => abError(photo, oneColour(20, 20)) - abError(photo, oneColour(15, 20)),
    )
    const { mean, interval } = summariseAll(evaluated).shipped!.differences!.abMse
    expect(mean).toBeCloseTo((differences[0]! + differences[1]!) / 2, 10)
    expect(interval[0]).toBeCloseTo(Math.min(...differences), 10)
    expect(interval[1]).toBeCloseTo(Math.max(...differences), 10)
    const evaluation = { ...setting, evaluated, summaries: summariseAll(evaluated), failures, left: 0 }
    expect(evaluationJson(evaluation).baselines.shipped).toMatchObject({
      abMseDifference: { mean, interval },
    })
    expect(evaluationText(evaluation)).toMatch(/all grey +constant +shipped\n/)
    expect(evaluationText(evaluation)).toContain(`picture by picture: +${mean.toFixed(2)} [`)
  })

  it('is held against other weights, in figures and side by side', async () => {
    const against = [colourist(0, 0), colourist(-40, 10)]
    const compared = { ...BASELINES, result: colourist(20, 20), against }
    const { evaluated, failures } = await evaluate(photos, compared, judges, call())
    const files = ['runs/mine/best.safetensors', 'runs/gray/best.safetensors', 'green.safetensors']
    const evaluation = {
      ...setting,
      weights: files[0]!,
      against: files.slice(1),
      saturations: saturationsOf(compared),
      evaluated,
      summaries: summariseAll(evaluated),
      failures,
      left: 0,
    }
    const { baselines, abMse, against: others } = evaluationJson(evaluation)
    expect(others.map(({ weights }) => weights)).toEqual(files.slice(1))
    expect(others[0]).toMatchObject({ abMse: baselines.gray.abMse, psnr: baselines.gray.psnr })
    for (const other of others) expect(other.abMseDifference!.mean).toBeCloseTo(abMse - other.abMse, 10)
    expect(evaluationText(evaluation)).toMatch(/all grey +constant +gray +green\n/)
    const sheet = await sharp(await reportSheet(evaluated, compared, files)).metadata()
    expect(sheet.width).toBe(8 + 5 * 168) // grey, three networks, original
  })

  it('has a column for each saturation and each class vector, and says what the vector changes', async () => {
    const strong = { ...colourist(20, 20), saturation: 2 }
    const compared: Each<Colourist> = {
      ...{ ...BASELINES, result: colourist(20, 20) },
      ...{ saturated: [strong], classified: [colourist(10, 10)] },
    }
    const { evaluated, failures } = await evaluate(photos, compared, judges, call())
    const evaluation = {
      ...{ ...setting, evaluated, summaries: summariseAll(evaluated), failures, left: 0 },
      ...{ saturations: saturationsOf(compared), otherVectors: [null] },
    }
    const { abMse, saturated, classified, baselines } = evaluationJson(evaluation)
    const text = evaluationText(evaluation)
    expect(text).toMatch(
      /^ +saturation 1 {2}95% interval +saturation 2 +no class vector +all grey +constant\n/m,
    )
    const rowOf = (title: string) =>
      new RegExp(`^ *${title} +(\\S+) +\\[.*\\] +(.*)$`, 'm').exec(text)!.slice(1, 3).join(' ').split(/ +/)
    const columns = [saturated[0]!, classified[0]!, baselines.gray, baselines.constant]
    expect(rowOf('as painted').slice(1)).toEqual(columns.map(({ paintedAbMse }) => paintedAbMse.toFixed(1)))
    expect(saturated[0]!.abMse).toBe(abMse)
    expect(saturated[0]!.paintedAbMse).toBeGreaterThan(1.5 * abMse)
    const { mean, relative } = classified[0]!.abMseDifference!
    expect(mean).toBeCloseTo(abMse - classified[0]!.abMse, 10)
    const percent = `${(100 * relative).toFixed(2)}%`
    expect(text).toMatch(new RegExp(`^ab error against no class vector, .*: \\+.*\\], \\+${percent}$`, 'm'))
  })

  it('draws its sheet at the saturation that is asked for', async () => {
    const compared = {
      ...{ ...BASELINES, result: { ...colourist(20, 20), saturation: 0 } },
      against: [{ ...colourist(20, 20), saturation: 2 }],
    }
    const { evaluated } = await evaluate(photos.slice(0, 1), compared, judges, call())
    const sheet = await reportSheet(evaluated, compared, ['pale', 'strong'])
    const chromaOf = async (column: number) => {
      const area = { left: 8 + 168 * column, top: 60, width: 160, height: 40 }
      const { data } = await sharp(sheet).extract(area).raw().toBuffer({ resolveWithObject: true })
      const part = { width: 160, height: 40, rgb: new Uint8Array(data) }
      return paintedColours(part, part).chroma
    }
    expect(await chromaOf(1)).toBe(0)
    expect(await chromaOf(2)).toBeGreaterThan(30)
  })

  it('shows names as they are, and figures that there are, on a page', () => {
    const row = { input: 'a<b> & "c".jpg', scores: { abMse: 12.34, wrongHue: 1 } as Scores, pictures: [] }
    const html = pageOf([row], 'x < y')
    expect(html).toContain('<h2>a&lt;b&gt; &amp; &quot;c&quot;.jpg</h2>\n<p>ab error 12.3</p>')
    expect(html).toContain('<pre>x &lt; y</pre>')
  })

  it('stops when it is interrupted', async () => {
    const controller = new AbortController()
    controller.abort()
    expect(await all(controller.signal)).toEqual({ evaluated: [], failures: [] })
  })

  it('leaves pictures out of the means of figures that they do not have', () => {
    const score = (edgeAbMse?: number) => ({
      ...{ abMse: 1, chroma: 3, chromaTruth: 6 },
      ...(edgeAbMse === undefined ? {} : { edgeAbMse }),
    })
    const { means, intervals } = summarise([score(), score(2), score(4)] as Scores[])
    expect(means).toMatchObject({ abMse: 1, chromaRatio: 0.5, edgeAbMse: 3 })
    expect(intervals).toMatchObject({ abMse: [1, 1], chromaRatio: [0.5, 0.5], edgeAbMse: [2, 4] })
  })

  it('is not of nothing', () => {
    expect(() => summarise([])).toThrow(RangeError)
  })

  it.each([
    [1, 'a best'],
    [2, 'a best, b worst'],
    [3, 'a best, b median, c worst'],
    [5, 'a best, b best, c median, d worst, e worst'],
    [9, 'a best, b best, c best, d median, e median, f median, g worst, h worst, i worst'],
    [11, 'a best, b best, c best, e median, f median, g median, i worst, j worst, k worst'],
  ])('of %d pictures shows %s', (count, wanted) => {
    const evaluated = Array.from({ length: count }, (_, i): Evaluated => {
      const scores = { abMse: 100 * i + 1 } as Scores
      return {
        input: String.fromCharCode(97 + i),
        scores: { result: scores, gray: scores, constant: scores },
      }
    })
    const shown = bestMedianWorst(evaluated.reverse()).map(({ input, kind }) => `${input} ${kind}`)
    expect(shown.join(', ')).toBe(wanted)
  })
})
