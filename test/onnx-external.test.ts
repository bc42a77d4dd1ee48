import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Beside } from '../src/io/onnx/external.ts'
import { parseModel, parseTensor } from '../src/io/onnx/model.ts'
import { decodeTensor } from '../src/io/onnx/proto.ts'
import { readAtOf } from '../src/io/read-at.ts'
import { readModel, readTensorFile } from '../src/node/onnx-file.ts'
import { type ModelParts, modelBytes, node, save, useFolder } from './onnx-models.ts'

const folder = useFolder()
describe('external data', () => {
  const inside = (location: string, more: [string, string][] = []): ModelParts => ({
    nodes: [node('Add', ['x', 'w'])],
    initializers: [
      {
        ...{ name: 'w', dims: [4], dataType: 1, dataLocation: 1 },
        externalData: [['location', location], ...more].map(([key, value]) => ({ key: key!, value: value! })),
      },
    ],
  })
  const models = join(folder, 'models')
  mkdirSync(join(models, 'data'), { recursive: true })
  const numbers = new Uint8Array(Float32Array.of(0, 0, 1, 2, 3, 4).buffer)
  writeFileSync(join(models, 'data/w.bin'), numbers)
  writeFileSync(join(folder, 'secret.bin'), numbers)
  symlinkSync(join(folder, 'secret.bin'), join(models, 'link.bin'))
  symlinkSync(folder, join(models, 'up'))
  symlinkSync('data/w.bin', join(models, 'near.bin'))

  it('is read from files in the folder, links inside it too', async () => {
    for (const location of ['data/w.bin', './data/w.bin', 'near.bin']) {
      const parts = inside(location, [
        ['offset', '8'],
        ['length', '16'],
      ])
      const { initializers } = await readModel(save(models, parts))
      expect([...initializers.get('w')!.data]).toEqual([1, 2, 3, 4])
    }
  })

  it.each<[string, ModelParts, RegExp]>([
    ['..', inside('../secret.bin'), /only lie in the model's own folder/],
    ['.. further down', inside('data/../../secret.bin'), /only lie in the model's own folder/],
    ['an absolute path', inside(join(folder, 'secret.bin')), /only lie in the model's own folder/],
    ['a Windows path', inside('C:/secret.bin'), /only lie/],
    ['backslashes', inside('..\\secret.bin'), /only lie/],
    ['no path', inside(''), /only lie/],
    ['a byte 0', inside('data/w.bin\0.txt'), /only lie/],
    ['a link to a file', inside('link.bin'), /a link that leaves the model's own folder/],
    ['a link to a folder', inside('up/secret.bin'), /a link that leaves/],
    ['a folder', inside('data'), /which is not a file|it is a folder/],
    ['a missing file', inside('none.bin'), /none\.bin: no such file/],
    ['location twice', inside('data/w.bin', [['location', '../secret.bin']]), /key "location" twice/],
    ['a hidden key', inside('data/w.bin', [['locatıon', '../secret.bin']]), /unknown key "locatıon"/],
    ['an object’s key', inside('data/w.bin', [['__proto__', 'x']]), /unknown key "__proto__"/],
    ['a negative offset', inside('data/w.bin', [['offset', '-8']]), /has the offset "-8"/],
    [
      'an offset behind the end',
      inside('data/w.bin', [['offset', '12']]),
      /needs bytes 12 to 28 .* which has 24/,
    ],
    [
      'a length that does not fit',
      inside('data/w.bin', [['length', '24']]),
      /needs 16 bytes, but has the length 24/,
    ],
  ])('%s', async (_, parts, sentence) => {
    await expect(readModel(save(models, parts))).rejects.toMatchObject({
      trouble: 'weights',
      message: expect.stringMatching(sentence),
    })
  })

  it('more than the file has is refused before anything is allocated', async () => {
    const parts = inside('data/w.bin')
    parts.initializers![0]!.dims = [2 ** 28]
    const before = process.memoryUsage().arrayBuffers
    await expect(readModel(save(models, parts))).rejects.toThrow(/needs bytes 0 to 1073741824/)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 20)
  })

  it('is not read for a TensorProto file', async () => {
    const bytes = readFileSync(save(models, inside('data/w.bin')))
    expect(bytes.length).toBeGreaterThan(0)
    const { default: proto } = await import('onnx-proto')
    const tensor = inside('data/w.bin').initializers![0]!
    writeFileSync(join(models, 't.pb'), proto.onnx.TensorProto.encode(tensor).finish())
    await expect(readTensorFile(join(models, 't.pb'))).rejects.toThrow(
      /t\.pb: the tensor has its data in another file/,
    )
  })
})

describe('a model in memory', () => {
  const bytes = modelBytes({
    nodes: [node('Add', ['x', 'w'])],
    initializers: [
      {
        ...{ name: 'w', dims: [4], dataType: 1, dataLocation: 1 },
        externalData: ['location', 'offset'].map((key, i) => ({ key, value: ['data/w.bin', '4'][i]! })),
      },
    ],
  })
  const numbers = new Uint8Array(Float32Array.of(0, 1, 2, 3, 4).buffer)

  it('takes external data from where it is told to, and closes what it opened', async () => {
    const calls: string[] = []
    const beside: Beside = {
      open: async (location, where) => {
        calls.push(`open ${location} for ${where}`)
        return { ...readAtOf(numbers, location), close: async () => void calls.push('close') }
      },
    }
    const { path, initializers } = await parseModel(bytes, { name: 'dropped.onnx', beside })
    expect([path, [...initializers.get('w')!.data]]).toEqual(['dropped.onnx', [1, 2, 3, 4]])
    expect(calls).toEqual(['open data/w.bin for dropped.onnx: the initializer "w"', 'close'])
    const short: Beside = { open: async () => readAtOf(numbers.subarray(4), 'w.bin') }
    await expect(parseModel(bytes, { name: 'dropped.onnx', beside: short })).rejects.toThrow(
      'dropped.onnx: the initializer "w" needs bytes 4 to 20 of w.bin, which has 16',
    )
  })

  it('is refused when its data is elsewhere and nothing is said of where', async () => {
    await expect(parseModel(bytes, { name: 'dropped.onnx' })).rejects.toMatchObject({
      trouble: 'weights',
      message: 'dropped.onnx: the initializer "w" has its data in another file, which is not read here',
    })
  })

  it('has 64-bit integers to the last digit, without help from Node', async () => {
    const values = [2n ** 63n - 1n, -(2n ** 63n), -1n, 2n ** 53n + 1n, 0n, 300n]
    const { default: proto } = await import('onnx-proto')
    const tensor = proto.onnx.TensorProto.fromObject({
      ...{ name: 'ends', dims: [values.length], dataType: 7 },
      int64Data: values.map((value) => ({
        low: Number(BigInt.asIntN(32, value)),
        high: Number(BigInt.asIntN(32, value >> 32n)),
      })),
    })
    const encoded = proto.onnx.TensorProto.encode(tensor).finish()
    expect(decodeTensor(encoded).int64Data).toEqual(values) // bigints: protobufjs itself gives Longs here, numbers in browsers
    expect((await parseTensor(encoded, 'ends.pb')).data).toEqual(BigInt64Array.from(values))
  })
})
