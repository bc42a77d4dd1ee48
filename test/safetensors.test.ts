import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { Tensor } from '../src/io/safetensors.ts'
import { readSafetensors, writeSafetensors } from '../src/node/safetensors.ts'

const folder = mkdtempSync(join(tmpdir(), 'safetensors-'))
const path = join(folder, 'weights.safetensors')
afterAll(() => rmSync(folder, { recursive: true }))

/** A file assembled from the format's description, byte by byte; `headerLength` overrides the true one. */
function file(header: string | object, data: Uint8Array | number, headerLength?: bigint): void {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(headerLength ?? BigInt(json.length))
  writeFileSync(path, Buffer.concat([length, json, typeof data === 'number' ? Buffer.alloc(data) : data]))
}

const f32 = (shape: number[], begin: number, end: number) => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
})

async function failure(): Promise<string> {
  const error = await readSafetensors(path).then(
    () => null,
    (e: Error) => e,
  )
  expect(error).toMatchObject({ name: 'UserError', trouble: 'weights' })
  expect(error!.message).toContain(path)
  return error!.message
}

describe('reading', () => {
  it('takes a file assembled by hand: header, metadata, two tensors, a scalar and an empty one', async () => {
    const data = Buffer.alloc(20)
    ;[1.5, -2, 0.25, 7, 3].forEach((v, i) => {
      data.writeFloatLE(v, 4 * i)
    })
    const header = {
      b: f32([], 16, 20),
      __metadata__: { made: 'by hand' },
      a: f32([2, 2], 0, 16),
      none: f32([0, 3], 20, 20),
    }
    file(`${JSON.stringify(header)}   `, data)
    const { tensors, metadata } = await readSafetensors(path)
    expect(metadata).toEqual({ made: 'by hand' })
    expect(tensors.get('a')).toEqual({ dtype: 'F32', shape: [2, 2], data: Float32Array.of(1.5, -2, 0.25, 7) })
    expect(tensors.get('b')).toEqual({ dtype: 'F32', shape: [], data: Float32Array.of(3) })
    expect(tensors.get('none')).toEqual({ dtype: 'F32', shape: [0, 3], data: new Float32Array(0) })
  })

  it('turns float16 and integers into float32', async () => {
    const halves = [0x3c00, 0xc000, 0x0001, 0x7bff, 0x7c00, 0x3555, 0x8000] // IEEE 754-2019, binary16
    const data = Buffer.alloc(14 + 4 + 8)
    halves.forEach((h, i) => {
      data.writeUInt16LE(h, 2 * i)
    })
    data.writeUInt16LE(65535, 14)
    data.writeUInt16LE(3, 16)
    data.writeBigInt64LE(-12n, 18)
    file(
      {
        half: { dtype: 'F16', shape: [7], data_offsets: [0, 14] },
        index: { dtype: 'U16', shape: [1, 2], data_offsets: [14, 18] },
        count: { dtype: 'I64', shape: [], data_offsets: [18, 26] },
      },
      data,
    )
    const { tensors } = await readSafetensors(path)
    const [one, minusTwo, smallest, largest, infinite, third, minusZero] = tensors.get('half')!.data
    expect([one, minusTwo, smallest, largest, infinite]).toEqual([1, -2, 2 ** -24, 65504, Infinity])
    expect(third).toBe(0.333251953125)
    expect(Object.is(minusZero, -0)).toBe(true)
    expect([...tensors.get('index')!.data]).toEqual([65535, 3])
    expect([...tensors.get('count')!.data]).toEqual([-12])
  })

  it('takes names that JavaScript might trip over', async () => {
    file('{"__proto__":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4)
    expect([...(await readSafetensors(path)).tensors.keys()]).toEqual(['__proto__'])
  })
})

describe('a file that is wrong says how', () => {
  const a = f32([2], 0, 8)
  it.each<[string, () => void, RegExp]>([
    ['empty', () => writeFileSync(path, ''), /0 bytes are too few.*truncated/],
    ['a huge header length', () => file('{}', 0, 2n ** 62n), /more than the 100 MB allowed/],
    ['just above 100 MB', () => file('{}', 0, 100_000_001n), /more than the 100 MB allowed/],
    ['a header longer than the file', () => file('{}', 0, 3n), /ends before; it is truncated/],
    ['not JSON', () => file('{"a"', 0), /not a JSON object/],
    ['an array', () => file('[]', 0), /not a JSON object/],
    ['space before the header', () => file(' {}', 0), /not a JSON object/],
    [
      'not UTF-8',
      () => file('{}', 0, 2n) ?? writeFileSync(path, Buffer.from([2, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0xff])),
      /UTF-8/,
    ],
    [
      'a name twice',
      () => file(`{"a":${JSON.stringify(a)}, "\\u0061" : ${JSON.stringify(a)}}`, 8),
      /"a" twice/,
    ],
    [
      'metadata not of strings',
      () => file({ __metadata__: { n: 1 } }, 0),
      /__metadata__ is not a table of strings/,
    ],
    ['an unknown type', () => file({ a: { ...a, dtype: 'F31' } }, 8), /"a" has the unknown type F31/],
    [
      'a type of Object.prototype',
      () => file({ a: { ...a, dtype: 'toString' } }, 8),
      /unknown type toString/,
    ],
    ['a negative size', () => file({ a: f32([-2], 0, 8) }, 8), /"a" has a shape that is not a list of sizes/],
    ['a broken size', () => file({ a: f32([0.5], 0, 2) }, 8), /shape that is not a list/],
    ['backward offsets', () => file({ a: f32([2], 8, 0) }, 8), /not a range of bytes/],
    ['shape and bytes', () => file({ a: f32([3], 0, 8) }, 8), /"a" needs 12 bytes for F32 \[3\].* give it 8/],
    [
      'a shape that overflows',
      () => file({ a: f32([2 ** 40, 2 ** 40], 0, 8) }, 8),
      /"a" needs 4.8\d+e\+24 bytes/,
    ],
    [
      'an overlap',
      () => file({ a, b: f32([2], 4, 12) }, 12),
      /"b" overlaps the tensor before it \(byte 4, expected 8\)/,
    ],
    ['a hole', () => file({ a, b: f32([2], 12, 20) }, 20), /"b" leaves a hole before it/],
    ['a hole at the start', () => file({ a: f32([2], 4, 12) }, 12), /"a" leaves a hole before it/],
    ['bytes left over', () => file({ a }, 11), /3 bytes at its end belong to no tensor/],
    ['missing bytes', () => file({ a }, 5), /"a" ends 3 bytes behind the file; it is truncated/],
    ['no description', () => file({ a: 3 }, 0), /"a" has no description/],
  ])('%s', async (_, make, message) => {
    make()
    expect(await failure()).toMatch(message)
  })

  it('a tensor of terabytes is refused by the file’s size, without memory for it', async () => {
    file({ a: f32([2 ** 40], 0, 2 ** 42) }, 8)
    const before = process.memoryUsage().arrayBuffers
    expect(await failure()).toMatch(/behind the file/)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1e6)
  })

  it('missing, a folder', async () => {
    rmSync(path)
    expect(await failure()).toMatch(/no such file/)
    await expect(readSafetensors(folder)).rejects.toMatchObject({ trouble: 'weights' })
  })
})

describe('writing', () => {
  const tensors = new Map<string, Tensor>([
    ['encoder.conv1.weight', { shape: [2, 1, 1, 3], data: Float32Array.of(1, -2, 3.5, 4, 5, 6) }],
    ['step', { shape: [1], data: new Float32Array([9, 8, 7]).subarray(1, 2) }],
  ])

  it('is read back the same, metadata included, data at a multiple of eight', async () => {
    await writeSafetensors(path, tensors, { metadata: { epoch: '3', 'seed "x"': 'ü' } })
    const back = await readSafetensors(path)
    expect(back.metadata).toEqual({ epoch: '3', 'seed "x"': 'ü' })
    expect(back.tensors.get('encoder.conv1.weight')).toMatchObject(tensors.get('encoder.conv1.weight')!)
    expect(back.tensors.get('step')).toEqual({ dtype: 'F32', shape: [1], data: Float32Array.of(8) })
    expect(Number(readFileSync(path).readBigUInt64LE()) % 8).toBe(0)
    truncateSync(path, readFileSync(path).length - 1)
    expect(await failure()).toMatch(/"step" ends 1 bytes behind/)
  })

  it('refuses data that does not fill its shape, and leaves the old file alone', async () => {
    await writeSafetensors(path, tensors)
    const old = readFileSync(path)
    const wrong = new Map([['a', { shape: [3], data: new Float32Array(2) }]])
    await expect(writeSafetensors(path, wrong)).rejects.toThrow(/tensor a has 2 elements/)
    expect(readFileSync(path)).toEqual(old)
  })

  it('a path that leads nowhere is one clear sentence', async () => {
    await expect(writeSafetensors('/dev/null/x', tensors)).rejects.toThrow(
      /cannot write \/dev\/null\/x: a part/,
    )
    expect(readdirSync(folder).filter((name) => name.endsWith('.part'))).toEqual([])
  })
})
