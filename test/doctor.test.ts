import { expect, test } from 'vitest'
import { type DoctorReport, doctor, formatDoctor } from '../src/node/doctor.ts'

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
  expect(text).toMatch(/^weights +colorizer\.safetensors$/m)
  expect(text).toMatch(/All is well\.$/)
})
