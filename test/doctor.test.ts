import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { codeFor } from '../src/cli/commands/doctor.ts'
import { EXIT } from '../src/cli/exit.ts'
import type { KnownFile } from '../src/io/manifest.ts'
import { openGpu } from '../src/node/dawn.ts'
import { type DoctorReport, doctor, formatDoctor } from '../src/node/doctor.ts'
import { packagePath } from '../src/node/package.ts'
import { measureSpeed } from '../src/node/speed.ts'
import { readManifest } from '../src/node/store/cache.ts'

const nothing: DoctorReport = {
  version: '1.2.3',
  node: '20.9.0',
  platform: 'linux-x64',
  cpus: 4,
  memoryBytes: 8 * 2 ** 30,
  adapter: null,
  missingFeatures: [],
  subgroupMatrices: null,
  tuning: null,
  adapters: [],
  weights: [],
  hasHeicDecoder: false,
  speed: null,
  faster: [],
  problems: [],
}

test('finds the adapter that the commands use, with its limits', async () => {
  const report = await doctor({ adapter: process.env.COLORIZER_ADAPTER })
  expect(report.adapter?.name).toBeTruthy()
  expect(report.adapter!.limits.maxStorageBufferBindingSize).toBeGreaterThanOrEqual(128 * 2 ** 20)
  expect([...report.adapter!.features, ...report.missingFeatures].sort()).toEqual([
    'shader-f16',
    'subgroups',
    'timestamp-query',
  ])
  expect(report.adapters.length).toBeGreaterThan(0)
  expect(formatDoctor(report)).toContain(report.adapter!.name)
  expect(formatDoctor({ ...report, subgroupMatrices: null })).toMatch(/^for --subgroup-matrices +none$/m)
  const subgroupMatrices = { M: 16, N: 8, K: 4, lanes: 32 }
  expect(formatDoctor({ ...report, subgroupMatrices })).toMatch(/-matrices +float16, 16×4 times 4×8$/m)
})

test('an adapter that is not there is a problem with its remedy, not an exception', async () => {
  const report = await doctor({ adapter: 'no such adapter' })
  expect(report.adapter).toBeNull()
  expect(report.problems[0]).toMatch(/no WebGPU adapter is called "no such adapter": choose one of "/)
})

test('the text shows what is missing, each with what mends it', () => {
  const text = formatDoctor({
    ...nothing,
    problems: ['no WebGPU adapter: run: this', 'no weights: run: that'],
  })
  expect(text).toMatch(/^colorizer +1\.2\.3$/m)
  expect(text).toMatch(/^machine +linux-x64, 4 CPUs, 8\.0 GiB$/m)
  expect(text).toMatch(/^adapter +none$/m)
  expect(text).toContain('Missing:\n- no WebGPU adapter: run: this\n- no weights: run: that')
})

test('says so when all is well', () => {
  const weights = [{ file: 'colorizer.safetensors', problem: null }]
  const text = formatDoctor({ ...nothing, weights })
  expect(text).toMatch(/^shipped +colorizer\.safetensors$/m)
  expect(text).toMatch(/All is well\.$/)
})

describe('what the package carries', () => {
  const unharmed = readManifest()
  /** The report of a package whose manifest expects something else of one file. */
  const doctorWith = (name: string, change: Partial<KnownFile>) =>
    doctor({}, () => unharmed.map((file) => (file.name === name ? { ...file, ...change } : file)))

  test('is in order', async () => {
    const { weights, problems } = await doctor()
    const files = ['lite.safetensors', 'report-lite.safetensors', 'mobilenet_v1.onnx', 'classes.txt']
    expect(weights).toEqual(files.map((file) => ({ file, problem: null })))
    expect(problems).toEqual([])
  })

  test.each(['lite', 'mobilenet-v1', 'classes'])(
    '%s: missing or damaged is trouble, with the nearest mend',
    async (name) => {
      const { file } = unharmed.find((known) => known.name === name)!
      const mend = `; run: git -C "${packagePath('.')}" checkout -- "`
      const gone = await doctorWith(name, { file: 'gone' })
      expect(gone.problems).toEqual([expect.stringContaining(`gone is missing${mend}`)])
      const cut = await doctorWith(name, { bytes: 7 })
      expect(cut.problems).toEqual([expect.stringMatching(/ is damaged: it has \d+ bytes, not 7; run: git /)])
      expect(formatDoctor(cut)).toContain(`${file} (!)`)
      expect([gone, cut].map(codeFor)).toEqual([EXIT.badWeightsOrRecords, EXIT.badWeightsOrRecords])
      expect(codeFor({ ...cut, adapter: null })).toBe(EXIT.noAdapter)
      expect([...gone.problems, ...cut.problems].join()).not.toMatch(/fetch|inception/)
    },
  )

  test.each([
    ['missing', null, /manifest\.json: no such file or folder; run: git /],
    ['damaged', '{"files":', /manifest\.json: it is damaged; run: git /],
    ['empty', '{}', /manifest\.json: it is damaged; run: git /],
  ])('a manifest that is %s is trouble, too', async (_what, text, sentence) => {
    const folder = mkdtempSync(join(tmpdir(), 'doctor-test-'))
    const path = join(folder, 'manifest.json')
    if (text !== null) writeFileSync(path, text)
    const report = await doctor({}, () => readManifest(path))
    rmSync(folder, { recursive: true })
    expect(report.problems).toEqual([expect.stringMatching(sentence)])
    expect(codeFor(report)).toBe(EXIT.badWeightsOrRecords)
  })
})

describe('how fast it is', () => {
  test('is measured where that is asked for, and said', async () => {
    const gpu = await openGpu({ adapter: process.env.COLORIZER_ADAPTER })
    const speed = await measureSpeed(gpu, { width: 60, height: 40 })
    gpu.destroy()
    expect(speed.megapixels).toBe(0.0024)
    expect(speed.seconds).toBeGreaterThan(0)
    expect(speed.firstSeconds).toBeGreaterThan(speed.seconds) // it waits for shaders
    const { adapter } = await doctor({ adapter: process.env.COLORIZER_ADAPTER, measure: false })
    const text = formatDoctor({
      ...nothing,
      adapter,
      speed: { megapixels: 12, seconds: 1.234, firstSeconds: 31.4 },
    })
    expect(text).toMatch(/^speed +1\.2 s for a photograph of 12 megapixels, 31 s for the first one$/m)
  })

  test('is not measured on a software adapter by default, and what would help is said', async () => {
    const report = await doctor({ adapter: process.env.COLORIZER_ADAPTER, measure: false })
    expect(report.speed).toBeNull()
    expect(formatDoctor(report)).toMatch(/^speed +not measured: "colorizer doctor --speed"/m)
    expect(report.faster).toContain('"colorizer tune" (npm run tune), which takes a minute')
    expect(report.faster.some((advice) => /^a GPU/.test(advice))).toBe(report.adapter!.isSoftware)
    expect(formatDoctor(report)).toMatch(/^would be faster with +\S/m)
    expect(formatDoctor({ ...report, hasHeicDecoder: true })).toMatch(
      /^colours +JPEG, PNG, WebP, TIFF, AVIF, GIF, HEIC$/m,
    )
  })
})
