import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { compareTensors } from '../src/cli/onnx-test.ts'
import { readTensorFile } from '../src/node/onnx-file.ts'
import { useFolder } from './onnx-models.ts'
import { run } from './program.ts'

const folder = useFolder()
const kept = (path: string) => fileURLToPath(new URL(`onnx/${path}`, import.meta.url))
const conv = kept('own/conv_bias_opset7')
const sum = kept('own/matmul_batch')

describe('onnx run', () => {
  it('takes and writes TensorProto files, several inputs in either way', async () => {
    const input = (name: string, i: number) => `${name}=${join(sum, `test_data_set_0/input_${i}.pb`)}`
    const two = [
      ['--input', input('a', 0), '--input', input('b', 1)],
      ['--input', input('b', 1), input('a', 0)],
    ]
    for (const [i, inputs] of two.entries()) {
      const out = join(folder, `out${i}`)
      const { code, stdout } = await run([
        'onnx',
        'run',
        join(sum, 'model.onnx'),
        ...inputs,
        '--out',
        out,
        '--json',
      ])
      expect(code).toBe(0)
      const [output] = JSON.parse(stdout.toString()).outputs
      expect(output).toEqual({ name: 'y', shape: [2, 3, 5], type: 'float32', file: join(out, 'output_0.pb') })
      expect(readdirSync(out)).toEqual(['output_0.pb'])
      const expected = await readTensorFile(join(sum, 'test_data_set_0/output_0.pb'))
      expect(compareTensors(await readTensorFile(output.file), expected)).toBe(null)
    }
  })

  it.each<[string, string[], number, RegExp]>([
    ['no model', ['run'], 2, /needs FILE/],
    ['two models', ['run', 'a.onnx', 'b.onnx', '-o', 'x'], 2, /one model, not b\.onnx/],
    ['no folder', ['run', join(conv, 'model.onnx')], 2, /needs --out DIR/],
    ['no input', ['run', join(conv, 'model.onnx'), '-o', 'x'], 2, /input "x" has no value/],
    [
      'an input that there is not',
      ['run', join(conv, 'model.onnx'), '--input', 'z=t.pb', '-o', 'x'],
      2,
      /no input "z", but "x"/,
    ],
    [
      'an input twice',
      ['run', 'm', '--input', 'x=t.pb', '--input', 'x=u.pb', '-o', 'x'],
      2,
      /x is given twice/,
    ],
    ['no name', ['run', 'm', '--input', 't.pb', '-o', 'x'], 2, /expected NAME=VALUE/],
    [
      'a missing tensor',
      ['run', join(conv, 'model.onnx'), '--input', 'x=none.pb', '-o', 'x'],
      4,
      /none\.pb: no such file/,
    ],
    ['a missing model', ['info', 'none.onnx'], 4, /none\.onnx: no such file/],
    ['another verb', ['draw'], 2, /expected info FILE, run FILE or test DIR/],
    ['nothing to test', ['test'], 2, /needs DIR/],
    ['a folder without tests', ['test', folder], 4, /no model\.onnx/],
  ])('%s: one sentence', async (_, args, code, sentence) => {
    const ended = await run(['onnx', ...args])
    expect(ended.code).toBe(code)
    expect(ended.stderr).toMatch(sentence)
    expect(ended.stderr.trim().split('\n')).toHaveLength(1)
    expect(readdirSync(folder)).not.toContain('x')
  })
})

describe('onnx info', () => {
  it('says what there is', async () => {
    const model = kept('own/squeeze_classifier_head/model.onnx')
    const { code, stdout } = await run(['onnx', 'info', model, '--batch', '3'])
    expect(code).toBe(0)
    expect(stdout.toString()).toMatch(/input +x {2}float32 \[N×3×6×6\]\n/)
    expect(stdout.toString()).toMatch(/parameters +269\n/)
    expect(stdout.toString()).toMatch(/unsupported none\n$/)
    const json = await run(['onnx', 'info', model, '--json'])
    // 4×4 pixels × 8 channels × 27 products, and 8 × 5
    expect(JSON.parse(json.stdout.toString())).toMatchObject({
      opset: 13,
      gflop: (2 * (16 * 8 * 27 + 40)) / 1e9,
    })
  })
})

describe('onnx test', () => {
  it('ends in what passed, failed and was skipped; 1 when something failed', async () => {
    const wrong = join(folder, 'wrong')
    cpSync(conv, wrong, { recursive: true })
    const set = join(wrong, 'test_data_set_0')
    const bytes = readFileSync(join(set, 'output_0.pb'))
    bytes[bytes.length - 2]! ^= 4 // in the exponent or the fraction of the last number
    writeFileSync(join(set, 'output_0.pb'), bytes)

    const good = await run(['onnx', 'test', conv, kept('node/relu')])
    expect(good.code).toBe(0)
    expect(good.stdout.toString().trim()).toBe('2 passed, 0 failed, 0 skipped')
    const bad = await run(['onnx', 'test', conv, wrong])
    expect(bad.code).toBe(1)
    expect(bad.stdout.toString()).toMatch(/^FAILED +wrong: .*element \d+ of/)
    expect(bad.stdout.toString().trim().split('\n').at(-1)).toBe('1 passed, 1 failed, 0 skipped')
    const json = JSON.parse((await run(['onnx', 'test', conv, wrong, '--json'])).stdout.toString())
    expect(json).toMatchObject({ passed: 1, failed: [{ name: 'wrong' }], unsupported: [] })
  })
})
