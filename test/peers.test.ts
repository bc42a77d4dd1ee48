import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { relativeError, sameTop5, stepError } from '../bench/peers/agreement.ts'
import { largestBatch } from '../bench/peers/ours.ts'
import { findTorch, openTorch } from '../bench/peers/pytorch.ts'
import { colorizerInputs, colorizerWeights, parameterCount, peersOf, worksOf } from '../bench/peers/work.ts'
import type { Gpu } from '../src/device/gpu.ts'
import { PORTABLE } from '../src/device/traits.ts'

describe('agreement', () => {
  it('is the largest difference, relative to the largest value', () => {
    expect(relativeError(Float32Array.of(1, -4, 2), Float32Array.of(1, -4, 2))).toBe(0)
    expect(relativeError(Float32Array.of(1, -3, 2.5), Float32Array.of(1, -4, 2))).toBe(0.25)
    expect(relativeError(Float32Array.of(1), Float32Array.of(0))).toBe(Number.POSITIVE_INFINITY)
    expect(() => relativeError(Float32Array.of(1), Float32Array.of(1, 2))).toThrow(/1 values against 2/)
  })

  it.each([
    ['in ours', Float32Array.of(1, Number.NaN, 3), Float32Array.of(1, 2, 3)],
    ['in the peer', Float32Array.of(1, 2, 3), Float32Array.of(1, Number.NaN, 3)],
    ['in both', Float32Array.of(Number.NaN, 2, 3), Float32Array.of(Number.NaN, 2, 3)],
    [
      'of infinities',
      Float32Array.of(1, Number.POSITIVE_INFINITY),
      Float32Array.of(1, Number.POSITIVE_INFINITY),
    ],
  ])('is none with a value that is no number: %s', (_where, ours, peer) => {
    expect(relativeError(ours, peer)).toBe(Number.POSITIVE_INFINITY)
  })

  it('of a step is that of what it changes', () => {
    expect(stepError(Float32Array.of(100, 76), Float32Array.of(100, 80))).toBeCloseTo(0.2, 6)
    expect(stepError(Float32Array.of(100, 100), Float32Array.of(100, 80))).toBe(1)
    expect(stepError(Float32Array.of(100, Number.NaN), Float32Array.of(100, 80))).toBeNaN()
  })

  it('of classes is in their order', () => {
    const values = Float32Array.of(0, 6, 5, 4, 3, 2, 1)
    expect(sameTop5(values, Float32Array.of(1.5, 60, 50, 40, 30, 20, 1))).toBe(true)
    expect(sameTop5(values, Float32Array.of(0, 5, 6, 4, 3, 2, 1))).toBe(false)
    expect(sameTop5(values, Float32Array.of(0, 6, 5, 4, 3, 1, 2))).toBe(false)
  })
})

describe('work', () => {
  it('is the whole network, with weights whose outputs tell', () => {
    const { layout, parameters } = colorizerWeights()
    // convolutions with biases 6,573,794; gamma and beta of five batch norms 1,280
    expect(parameterCount(layout)).toBe(6_573_794 + 1_280)
    const last = layout.parameters.tensors.find(({ name }) => name === 'decoder.conv5.weight')!
    expect(parameters.subarray(last.offset, last.offset + 576).every((weight) => weight !== 0)).toBe(true)
    const { L, features, ab } = colorizerInputs(8, 2)
    expect([L.length, features.length, ab.length]).toEqual([128, 2000, 256])
  })

  it('has peers, and every piece of it a name of its own', () => {
    const works = worksOf(2)
    expect(new Set(works.map(({ name }) => name)).size).toBe(works.length)
    expect(works.every((work) => peersOf(work, []).length > 0)).toBe(true)
    expect(worksOf(1)).toHaveLength(works.length - 1)
  })

  it('of the larger training step is as much as the adapter binds', () => {
    // encoder.conv2 makes 6.125 MiB of each picture
    const bound = (mib: number) => {
      const limits = { maxStorageBufferBindingSize: mib * 2 ** 20 }
      return largestBatch({ device: { limits }, traits: PORTABLE } as unknown as Gpu, 224)
    }
    expect([bound(48), bound(49), bound(128)]).toEqual([4, 8, 16])
  })
})

describe('PyTorch', () => {
  it('is left out where there is none', () => {
    expect(findTorch('/no/such/python3')).toBeNull()
    const [forward] = worksOf(1)
    expect(peersOf(forward!, [])).toEqual(['tfjs'])
    expect(peersOf(forward!, ['fp32'])).toEqual(['tfjs', 'pytorch fp32'])
  })

  it('that fails says why, and leaves nothing behind', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'peers-'))
    vi.stubEnv('TMPDIR', folder)
    try {
      const python = join(folder, 'stand-in')
      const answers = ['{"title": "PyTorch", "parameters": 7}', '{"trouble": "out of memory"}']
      writeFileSync(python, `#!/bin/sh\n${answers.map((json) => `echo '${json}'`).join('\nread line\n')}\n`)
      chmodSync(python, 0o755)
      const work = { kind: 'training', name: 'small', size: 8, batch: 1 } as const
      const torch = await openTorch(work, python, 'fp32')
      expect(torch).toMatchObject({ title: 'PyTorch', parameters: 7 })
      expect(readdirSync(folder)).toEqual(['stand-in'])
      await expect(torch.run()).rejects.toThrow(/^out of memory$/)
      await expect(torch.run()).rejects.toThrow(/ended without an answer$/)
    } finally {
      vi.unstubAllEnvs()
      rmSync(folder, { recursive: true })
    }
  })
})
