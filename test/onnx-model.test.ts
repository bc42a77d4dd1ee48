import { truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { describeModel, runModel } from '../src/cli/onnx-run.ts'
import { readModel } from '../src/node/onnx-file.ts'
import { useGpu } from './device.ts'
import { importFailure } from './onnx-failure.ts'
import {
  float,
  int64,
  type ModelParts,
  modelBytes,
  node,
  save,
  type Tensor,
  useFolder,
} from './onnx-models.ts'

const gpu = useGpu()
const folder = useFolder()
const path = join(folder, 'model.onnx')
const failure = (parts: ModelParts | Uint8Array, batch?: number) => importFailure(path, parts, batch)

const relu = node('Relu', ['x'])
const conv = node('Conv', ['x', 'w'], ['y'], { kernel_shape: [3, 3] })

describe('a file that is no model', () => {
  const whole = Buffer.from(modelBytes({ nodes: [conv], initializers: [float('w', [4, 2, 3, 3])] }))
  const random = Uint8Array.from({ length: 5000 }, (_, i) => (i * 7919 + (i >> 3) * 31) & 255)

  it.each<[string, Uint8Array, RegExp]>([
    ['empty', new Uint8Array(), /is empty/],
    ['text', Buffer.from('Not Found\n'), /truncated, damaged or not an ONNX file/],
    ['noise', random, /truncated, damaged or not an ONNX file/],
    ['zeros', new Uint8Array(4096), /truncated, damaged or not an ONNX file/],
    ['half', whole.subarray(0, whole.length / 2), /truncated/],
    ['all but a byte', whole.subarray(0, -1), /truncated/],
    ['only its first field', whole.subarray(0, 2), /has no graph/],
    ['nested a thousand times', nested(1000), /nested more than 32 deep/],
    ['a length of 4 GB', Buffer.from([0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f]), /ends behind/],
    ['three million empty nodes', emptyNodes(3_000_000), /more parts, .* than any model/],
  ])('%s', async (_, bytes, sentence) => expect(await failure(bytes)).toMatch(sentence))

  it('missing, a folder, 3 GB', async () => {
    await expect(readModel(join(folder, 'none.onnx'))).rejects.toThrow(/none\.onnx: no such file/)
    await expect(readModel(folder)).rejects.toThrow(/is a folder/)
    const large = join(folder, 'large.onnx')
    writeFileSync(large, '')
    truncateSync(large, 3e9) // takes no room on the disk
    await expect(readModel(large)).rejects.toThrow(/large\.onnx has 3\.0 GB/)
  })

  /** A graph in an attribute of a node in a graph, and so on. */
  function nested(depth: number): Uint8Array {
    let graph = Buffer.alloc(0)
    const field = (tag: number, bytes: Buffer) =>
      Buffer.concat([Buffer.from([tag]), varint(bytes.length), bytes])
    for (let i = 0; i < depth; i++) graph = field(0x0a, field(0x2a, field(0x32, graph)))
    return field(0x3a, graph)
  }

  function emptyNodes(count: number): Uint8Array {
    const nodes = Buffer.alloc(2 * count)
    for (let i = 0; i < count; i++) nodes[2 * i] = 0x0a
    return Buffer.concat([Buffer.from([0x3a]), varint(nodes.length), nodes])
  }

  function varint(value: number): Buffer {
    const bytes: number[] = []
    for (let rest = value; ; rest = Math.floor(rest / 128)) {
      bytes.push((rest % 128) + (rest >= 128 ? 128 : 0))
      if (rest < 128) return Buffer.from(bytes)
    }
  }
})

describe('versions', () => {
  it.each<[string, ModelParts, RegExp]>([
    ['opset 6', { opset: 6, nodes: [relu] }, /opset 6; 7 to 21 are read/],
    ['opset 22', { opset: 22, nodes: [relu] }, /opset 22; 7 to 21/],
    ['no opset', { nodes: [relu], change: (m) => (m.opsetImport = []) }, /names no versions/],
    [
      'two opsets',
      { nodes: [relu], change: (m) => m.opsetImport!.push({ domain: 'ai.onnx', version: 9 }) },
      /names 2 versions/,
    ],
    ['IR 2', { nodes: [relu], change: (m) => (m.irVersion = 2) }, /IR version 2; 3 to/],
    ['IR 99', { nodes: [relu], change: (m) => (m.irVersion = 99) }, /IR version 99/],
  ])('%s', async (_, parts, sentence) => expect(await failure(parts)).toMatch(sentence))
})

describe('a graph that makes no sense', () => {
  const chain = [node('Relu', ['b'], ['a']), node('Tanh', ['c'], ['b']), node('Add', ['a', 'x'], ['c'])]
  it.each<[string, ModelParts, RegExp]>([
    [
      'a cycle',
      { nodes: chain, outputs: ['a'] },
      /has a cycle: "the Add" → "the Tanh" → "the Relu" → "the Add"/,
    ],
    ['a node that reads itself', { nodes: [node('Add', ['x', 'y'])] }, /has a cycle: "the Add" → "the Add"/],
    [
      'a missing input',
      { nodes: [node('Relu', ['z'])] },
      /no value called "z", which node "the Relu" \(Relu\) needs/,
    ],
    [
      'a missing output',
      { nodes: [relu], outputs: ['y', 'z'] },
      /no value called "z", which the graph's output list/,
    ],
    ['no output', { nodes: [relu], outputs: [] }, /without outputs/],
    [
      'a value made twice',
      { nodes: [relu, node('Tanh', ['x'])] },
      /"y" twice: from node "the Tanh" and from node/,
    ],
    ['a node that makes an input', { nodes: [node('Relu', ['y'], ['x'])], outputs: ['x'] }, /"x" twice/],
    [
      'two initializers of one name',
      { nodes: [relu], initializers: [float('w', [1]), float('w', [1])] },
      /two initi/,
    ],
    [
      'two inputs of one name',
      { nodes: [relu], change: (m) => m.graph!.input!.push(m.graph!.input![0]!) },
      /two inputs/,
    ],
    [
      'a required input left out',
      { nodes: [node('Conv', ['x', ''])] },
      /\(Conv, opset 13\) on .*: input 1 is missing/,
    ],
    ['no inputs at all', { nodes: [node('Relu', [])] }, /"the Relu" \(Relu, opset 13\): .*input/],
  ])('%s', async (_, parts, sentence) => expect(await failure(parts)).toMatch(sentence))
})

describe('what there is not', () => {
  it.each<[string, ModelParts, RegExp]>([
    [
      'an operator',
      { nodes: [node('Erf', ['x'])] },
      /node "the Erf" \(Erf, opset 13\) on \[1×2×4×4\]: is not among/,
    ],
    [
      'an operator of another domain',
      { nodes: [{ ...relu, domain: 'com.microsoft', opType: 'FusedConv' }] },
      /\(com\.microsoft\.FusedConv, opset 13\)/,
    ],
    [
      'an operator called as JavaScript calls things',
      { nodes: [{ ...relu, opType: 'constructor' }] },
      /\(constructor/,
    ],
    ['an attribute', { nodes: [node('Relu', ['x'], ['y'], { leak: 0.5 })] }, /has the attribute "leak"/],
    [
      "an attribute's value",
      {
        nodes: [node('Conv', ['x', 'w'], ['y'], { auto_pad: 'FULL' })],
        initializers: [float('w', [4, 2, 3, 3])],
      },
      /attribute auto_pad is "FULL"; of these there are NOTSET, SAME_UPPER/,
    ],
    [
      'an attribute of another kind',
      { nodes: [node('Flatten', ['x'], ['y'], { axis: 0.5 })] },
      /attribute axis is float, not int/,
    ],
    [
      'a type',
      { nodes: [relu], initializers: [{ ...float('w', [1]), dataType: 16 }] },
      /"w" has the type BFLOAT16/,
    ],
    [
      'a type of later ONNX',
      { nodes: [relu], initializers: [{ ...float('w', [1]), dataType: 23 }] },
      /type 23/,
    ],
    [
      'an input of whole numbers',
      { nodes: [relu], change: (m) => (m.graph!.input![0]!.type!.tensorType!.elemType = 7) },
      /input "x" is INT64; the GPU computes with float32 only/,
    ],
    [
      'a shape that is computed',
      { nodes: [node('Reshape', ['x', 's'])], inputs: { x: [4, 2], s: [1] } },
      /needs input 1 as a constant, but it is computed/,
    ],
    [
      'an output that nothing computes',
      { nodes: [node('MaxPool', ['x'], ['y', 'i'], { kernel_shape: [2, 2] })] },
      /output 1/,
    ],
    [
      'cubic resizing',
      { nodes: [node('Resize', ['x', '', 's'], ['y'], { mode: 'cubic' })], initializers: [float('s', [4])] },
      /mode is "cubic"/,
    ],
    ['sparse weights', { nodes: [relu], change: (m) => (m.graph!.sparseInitializer = [{}]) }, /sparse/],
  ])('%s', async (_, parts, sentence) => expect(await failure(parts)).toMatch(sentence))
})

describe('shapes and bytes that do not fit', () => {
  const weight = (w: Tensor): ModelParts => ({ nodes: [conv], initializers: [w] })
  it.each<[string, ModelParts, RegExp]>([
    [
      'channels',
      weight(float('w', [4, 3, 3, 3])),
      /\(Conv, opset 13\) on \[1×2×4×4\], float32 \[4×3×3×3\]: .*2 channels/,
    ],
    ['a kernel larger than the image', weight(float('w', [4, 2, 5, 5])), /kernel/],
    [
      'kernel_shape',
      weight(float('w', [4, 2, 2, 2])),
      /kernel_shape \[3,3\] is not that of the weight \[2,2\]/,
    ],
    [
      'too few values',
      weight(float('w', [4, 2, 3, 3], [1, 2])),
      /"w" is float32 \[4×2×3×3\] and needs 72 values, but has 2/,
    ],
    [
      'too few bytes',
      weight({ name: 'w', dims: [4, 2, 3, 3], dataType: 1, rawData: new Uint8Array(287) }),
      /"w" is float32 \[4×2×3×3\] and needs 288 bytes, but has 287/,
    ],
    [
      'a negative size',
      weight({ ...float('w', []), dims: [-1, 2] }),
      /"w" has the shape \[-1×2\], which is none/,
    ],
    ['a product beyond all numbers', weight({ ...float('w', []), dims: [2 ** 40, 2 ** 40] }), /or too large/],
    ['a product that wraps to 4', weight({ ...float('w', []), dims: [2 ** 32, 2 ** 32, 4] }), /or too large/],
    ['forty axes', weight({ ...float('w', []), dims: Array(40).fill(1) }), /or too large/],
    ['an input without elements', { nodes: [relu], inputs: { x: [1, 0, 4, 4] } }, /no graph can have that/],
    [
      'an input of 2^60 elements',
      { nodes: [relu], inputs: { x: [2 ** 20, 2 ** 20, 2 ** 20, 1] } },
      /no graph can have/,
    ],
    [
      'sizes that do not broadcast',
      { nodes: [node('Add', ['x', 'w'])], initializers: [float('w', [3])] },
      /do not broadcast/,
    ],
    [
      'an axis that there is not',
      { nodes: [node('Concat', ['x'], ['y'], { axis: 4 })] },
      /no axis 4 among 4/,
    ],
    [
      'an impossible reshape',
      { nodes: [node('Reshape', ['x', 's'])], initializers: [int64('s', [5, -1])] },
      /\[1×2×4×4\] cannot become \[5, -1\]/,
    ],
    [
      'an index that there is not',
      { nodes: [node('Gather', ['w', 'i'])], initializers: [float('w', [3]), int64('i', [3])] },
      /index 3 is not among 3/,
    ],
    [
      'a division by zero',
      { nodes: [node('Div', ['a', 'b'])], initializers: [int64('a', [3]), int64('b', [0])] },
      /divides a whole number by zero/,
    ],
    [
      'constants without measure',
      { nodes: [node('ConstantOfShape', ['s'])], initializers: [int64('s', [2 ** 20, 2 ** 10])] },
      /more than this model may take/,
    ],
    [
      'constants that grow',
      {
        nodes: Array.from({ length: 40 }, (_, i) => node('Tile', [`t${i}`, 'r'], [`t${i + 1}`])),
        outputs: ['t40'],
        initializers: [float('t0', [64]), int64('r', [2])],
      },
      /more than this model may take/,
    ],
    [
      'an image without measure',
      {
        nodes: [node('Pad', ['x', 'p'])],
        initializers: [int64('p', [0, 0, 2 ** 20, 2 ** 20, 0, 0, 0, 0])],
      },
      /its result .* is too large/,
    ],
  ])('%s', async (_, parts, sentence) => expect(await failure(parts)).toMatch(sentence))

  it('a fixed batch that is asked for otherwise, open sizes', async () => {
    expect(await failure({ nodes: [relu] }, 4)).toMatch(/input "x" is \[1×2×4×4\]: its axis 0 cannot be 4/)
    expect(await failure({ nodes: [relu], inputs: { x: ['N', 3, 'H', 'W'] } })).toMatch(
      /size "H" has to be given/,
    )
  })

  it('a tensor that the adapter cannot bind', async () => {
    const side = 2 ** 14
    const model = await readModel(save(folder, { nodes: [relu], inputs: { x: [1, 8, side, side] } }))
    const x = { dtype: 'float32', shape: [1, 8, side, side], data: new Float32Array(1) } as const
    await expect(runModel(async () => gpu(), model, new Map([['x', x]]))).rejects.toMatchObject({
      trouble: 'weights',
      message: expect.stringMatching(/model\.onnx: layer the Relu: .* the adapter binds at most/),
    })
  })
})

describe('describing a model', () => {
  it('counts operators, parameters and arithmetic', async () => {
    const parts = {
      nodes: [node('Conv', ['x', 'w'], ['c']), node('Relu', ['c'], ['y'])],
      inputs: { x: ['N', 2, 6, 6] },
      initializers: [float('w', [8, 2, 3, 3])],
    }
    const found = describeModel(await readModel(save(folder, parts)))
    expect(found).toMatchObject({
      ...{ opset: 13, operators: { Conv: 1, Relu: 1 }, parameters: 144, unsupported: [] },
      gflop: (2 * 16 * 8 * 18) / 1e9,
    })
    // 72 numbers come in and 128 go out
    expect(found.largestAliveBytes).toBe((72 + 128) * 4)
    expect(found.peakActivationBytes).toBe((72 + 128) * 4)
  })

  it('lists all that is unsupported, and where', async () => {
    const nodes = [
      node('Erf', ['x'], ['a']),
      node('Relu', ['a'], ['b']),
      node('Elu', ['b'], ['c']),
      node('Clip', ['x', 'lo'], ['d']),
      node('Add', ['c', 'd']),
    ]
    const parts = { nodes, inputs: { x: [1, 2, 4, 4], lo: [1] } }
    const { unsupported } = describeModel(await readModel(save(folder, parts)))
    expect(unsupported.map(({ op }) => op)).toEqual(['Erf', 'Elu', 'Clip'])
    const open = await readModel(save(folder, { nodes: [relu], inputs: { x: ['N', 3, 'H', 'H'] } }))
    expect(describeModel(open).unsupported).toMatchObject([{ node: 'x', op: 'input' }])
    expect(describeModel(open, { shapes: new Map([['x', [1, 3, 8, 8]]]) }).unsupported).toEqual([])
    expect(unsupported[2]!.reason).toMatch(/the Clip.*needs input 1 as a constant/)
  })
})
