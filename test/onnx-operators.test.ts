import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { runModel } from '../src/cli/onnx-run.ts'
import { compareTensors, testFolder, testFolders } from '../src/cli/onnx-test.ts'
import { importOnnx, OPERATORS } from '../src/io/onnx/import.ts'
import { encodeTensor, type HostTensor } from '../src/io/onnx/tensors.ts'
import { readModel, readTensorFile } from '../src/node/onnx-file.ts'
import { useGpu } from './device.ts'
import { float, node, save, useFolder } from './onnx-models.ts'

const gpu = useGpu()
const open = async () => gpu()
const kept = fileURLToPath(new URL('onnx', import.meta.url))
const folders = await testFolders(kept)
const scratch = useFolder()

describe('every kept folder passes', () => {
  it.each(folders.map((folder) => [folder.slice(kept.length + 1), folder]))('%s', async (_, folder) => {
    expect(await testFolder(open, folder!)).toEqual({ name: basename(folder!), result: 'passed' })
  })

  it('and every operator occurs in one', async () => {
    const models = await Promise.all(folders.map((folder) => readModel(join(folder, 'model.onnx'))))
    const seen = new Set(models.flatMap(({ nodes }) => nodes.map(({ op }) => op)))
    expect(OPERATORS.filter((op) => !seen.has(op))).toEqual([])
  })
})

describe('a folder that is wrong fails', () => {
  const output = join(scratch, 'case/test_data_set_0/output_0.pb')

  /** A copy of a folder, one of its files changed. */
  async function verdict(change: (expected: HostTensor) => HostTensor | null) {
    const copy = join(scratch, 'case')
    rmSync(copy, { recursive: true, force: true })
    cpSync(join(kept, 'own/conv_bias_opset7'), copy, { recursive: true })
    const changed = change(await readTensorFile(output))
    if (changed) writeFileSync(output, encodeTensor('y', changed))
    return testFolder(open, copy)
  }
  const expectFailure = async (change: Parameters<typeof verdict>[0], reason: RegExp) =>
    expect(await verdict(change)).toMatchObject({
      result: 'failed',
      reason: expect.stringMatching(reason),
    })

  it('its last number off by 0.2 %', async () => {
    const far = (data: Float32Array) => data.with(-1, data.at(-1)! * 1.002)
    const near = (data: Float32Array) => data.with(-1, data.at(-1)! * 1.0008)
    await expectFailure((y) => ({ ...y, data: far(y.data as Float32Array) }), /output "y": element 479 of/)
    expect(await verdict((y) => ({ ...y, data: near(y.data as Float32Array) }))).toMatchObject({
      result: 'passed',
    })
  })

  it('a number that is not there, another shape, another type', async () => {
    await expectFailure((y) => ({ ...y, data: (y.data as Float32Array).with(3, Number.NaN) }), /not NaN/)
    await expectFailure((y) => ({ ...y, shape: y.shape.toReversed() }), /is \[2×8×6×5\], not \[5×6×8×2\]/)
    await expectFailure((y) => ({ ...y, dtype: 'int32', data: new Int32Array(480) }), /is float32, not int32/)
  })

  it('no expected output, no data, an output too many, a damaged model', async () => {
    const set = join(scratch, 'case/test_data_set_0')
    const drop = (path: string) => () => {
      rmSync(path, { recursive: true })
      return null
    }
    await expectFailure(drop(output), /has no output_0\.pb/)
    await expectFailure(drop(set), /has no test_data_set_0/)
    await expectFailure((y) => {
      writeFileSync(join(set, 'output_1.pb'), encodeTensor('z', y))
      return null
    }, /2 outputs, the model 1/)
    const model = join(scratch, 'case/model.onnx')
    await expectFailure(() => {
      writeFileSync(model, readFileSync(model).subarray(0, 400))
      return null
    }, /truncated/)
  })

  it('and one of an operator that there is not is passed over', async () => {
    const folder = join(scratch, 'foreign')
    mkdirSync(folder, { recursive: true })
    mkdirSync(join(folder, 'test_data_set_0'), { recursive: true })
    save(folder, { nodes: [node('Erf', ['x'])] })
    const x: HostTensor = { dtype: 'float32', shape: [1, 2, 4, 4], data: new Float32Array(32) }
    for (const file of ['input_0.pb', 'output_0.pb']) {
      writeFileSync(join(folder, 'test_data_set_0', file), encodeTensor('x', x))
    }
    expect(await testFolder(open, folder)).toMatchObject({ result: 'unsupported', op: 'Erf' })
  })

  it('comparison: infinities and exact integers', () => {
    const f = (...values: number[]): HostTensor => ({
      dtype: 'float32',
      shape: [values.length],
      data: Float32Array.from(values),
    })
    const i = (...values: bigint[]): HostTensor => ({
      dtype: 'int64',
      shape: [values.length],
      data: BigInt64Array.from(values),
    })
    expect(compareTensors(f(Infinity, NaN), f(Infinity, NaN))).toBe(null)
    expect(compareTensors(f(1), f(Infinity))).toMatch('not Infinity')
    expect(compareTensors(f(Infinity), f(1))).toMatch('is Infinity')
    expect(compareTensors(f(NaN), f(1))).toMatch('is NaN')
    expect(compareTensors(i(2n ** 60n), i(2n ** 60n + 1n))).toMatch('element 0')
  })
})

describe('import', () => {
  it('keeps images channels-last from input to output: nothing is transposed', async () => {
    for (const name of ['inception_block', 'squeeze_classifier_head', 'transpose_there_and_back']) {
      const { graph } = importOnnx(await readModel(join(kept, 'own', name, 'model.onnx')))
      expect(graph.nodes.map(({ op }) => op)).not.toContain('transpose')
    }
  })

  it('names layers after their nodes', async () => {
    const path = save(scratch, { nodes: [node('Relu', ['x'])] })
    expect(importOnnx(await readModel(path)).graph.nodes.map(({ label }) => label)).toEqual(['the Relu'])
  })

  it('takes any batch for a symbolic first axis, sample by sample the same', async () => {
    const parts = {
      nodes: [node('Conv', ['x', 'w'], ['c'], { pads: [1, 1, 1, 1] }), node('Flatten', ['c'], ['y'])],
      inputs: { x: ['N', 2, 4, 4] },
      initializers: [float('w', [8, 2, 3, 3])],
    }
    const model = await readModel(save(scratch, parts))
    expect(importOnnx(model).inputs[0]!.shape).toEqual([1, 2, 4, 4])
    expect(importOnnx(model, { batch: 4 }).outputs[0]!.shape).toEqual([4, 128])
    const data = Float32Array.from({ length: 3 * 32 }, (_, i) => Math.sin(i))
    const run = async (batch: number, values: Float32Array) => {
      const x = { dtype: 'float32', shape: [batch, 2, 4, 4], data: values } as const
      return (await runModel(open, model, new Map([['x', x]]))).get('y')!.data as Float32Array
    }
    const together = await run(3, data)
    for (let n = 0; n < 3; n++) {
      expect(together.subarray(n * 128, (n + 1) * 128)).toEqual(
        await run(1, data.subarray(n * 32, (n + 1) * 32)),
      )
    }
  })
})
