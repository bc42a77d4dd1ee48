import { describe, expect, it } from 'vitest'
import { HOST_OPS } from '../src/io/onnx/host.ts'
import type { Attribute } from '../src/io/onnx/model.ts'
import { Attributes, Memory } from '../src/io/onnx/node.ts'
import type { Data, HostTensor } from '../src/io/onnx/tensors.ts'

const vector = (dtype: HostTensor['dtype'], data: Data): HostTensor => ({ dtype, shape: [data.length], data })
const int8 = (...values: number[]) => vector('int8', Int8Array.from(values))
const uint8 = (...values: number[]) => vector('uint8', Uint8Array.from(values))
const int32 = (...values: number[]) => vector('int32', Int32Array.from(values))
const int64 = (...values: bigint[]) => vector('int64', BigInt64Array.from(values))
const float32 = (...values: number[]) => vector('float32', Float32Array.from(values))
const float64 = (...values: number[]) => vector('float64', Float64Array.from(values))

function compute(op: string, inputs: HostTensor[], attributes: Record<string, Attribute> = {}, opset = 13) {
  const node = { name: 'n', op, inputs: [], outputs: [], attributes: new Map(Object.entries(attributes)) }
  const context = { attributes: new Attributes(node), opset, memory: new Memory(2 ** 20), outputs: 1 }
  const [result] = HOST_OPS[op]!(inputs, context)
  return [...result!.data]
}

describe('arithmetic at import', () => {
  const [largest, smallest] = [2n ** 63n - 1n, -(2n ** 63n)]
  it.each<[string, HostTensor, HostTensor, (number | bigint)[]]>([
    ['Div', int32(7, -7, 7, -7), int32(2, 2, -2, -2), [3, -3, -3, 3]],
    ['Div', int64(7n, -7n, 7n, -7n), int64(2n, 2n, -2n, -2n), [3n, -3n, -3n, 3n]],
    ['Div', uint8(200, 255), uint8(3, 16), [66, 15]],
    ['Mul', int32(65537, 2 ** 31 - 1), int32(65537, 2 ** 31 - 1), [131073, 1]],
    ['Add', int32(2 ** 31 - 1), int32(1), [-(2 ** 31)]],
    ['Sub', uint8(3), uint8(5), [254]],
    ['Mul', int8(100), int8(3), [44]],
    ['Add', int64(largest), int64(1n), [smallest]],
    ['Mul', int64(2n ** 53n + 1n), int64(3n), [3n * 2n ** 53n + 3n]],
    ['Add', float32(16777216), float32(1), [16777216]],
    ['Mul', float32(0.1), float32(3), [Math.fround(Math.fround(0.1) * 3)]],
    ['Add', float64(0.1), float64(0.2), [0.1 + 0.2]],
  ])('%s of row %#', (op, a, b, expected) => expect(compute(op, [a, b])).toEqual(expected))

  it('refuses two types', () => {
    expect(() => compute('Add', [int32(1), int64(1n)])).toThrow('cannot combine int32 with int64')
  })
})

describe('casts at import', () => {
  const codes = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7, bool: 9, float16: 10, float64: 11 }
  it.each<[keyof typeof codes, HostTensor, (number | bigint)[]]>([
    ['int32', float32(1.9, -1.9, 2 ** 20 + 0.5), [1, -1, 2 ** 20]],
    ['int32', int64(2n ** 32n + 5n, -1n, 300_000n), [5, -1, 300_000]],
    ['int64', float32(2.9, -2.9, NaN, Infinity), [2n, -2n, 0n, 0n]],
    ['int64', int32(-5), [-5n]],
    ['uint8', int32(300, -1), [44, 255]],
    ['int8', int64(200n), [-56]],
    ['bool', float32(0, -0.5, NaN), [0, 1, 1]],
    ['float32', int64(2n ** 53n), [2 ** 53]],
    ['float32', float64(0.1), [Math.fround(0.1)]],
    // halves lie 2 apart from 2048 on and 2^-24 apart around 0; ties go to the even one, and 65520 up to infinity
    ['float16', float32(2049, 2051, 65519, 65520, -1e6), [2048, 2052, 65504, Infinity, -Infinity]],
    ['float16', float32(2 ** -24, 2 ** -25, 2 ** -25 * 1.5, 0.1), [2 ** -24, 0, 2 ** -24, 0.0999755859375]],
  ])('to %s, row %#', (to, x, expected) => {
    expect(compute('Cast', [x], { to: { kind: 'int', value: codes[to] } })).toEqual(expected)
  })
})
