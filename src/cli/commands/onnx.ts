import { join } from 'node:path'
import type { Gpu } from '../../device/gpu.ts'
import { encodeTensor, type HostTensor, quote } from '../../io/onnx/tensors.ts'
import { readModel, readTensorFile } from '../../node/onnx-file.ts'
import { makeFolder, saveFile } from '../../node/save.ts'
import { EXIT } from '../exit.ts'
import { describeModel, type ModelInfo, runModel } from '../onnx-run.ts'
import { testFolder, testFolders, type Verdict } from '../onnx-test.ts'
import { bar } from '../terminal.ts'
import { openAdapter } from './adapter.ts'
import { type Call, type Command, type Result, wrong } from './command.ts'

/** Nodes that `info` lists one by one. */
const LISTED = 20

export const onnxCommand: Command = {
  summary: 'looks into an ONNX model, runs it, or tests it against expected outputs',
  positionals: 'info FILE | run FILE --input NAME=TENSOR.pb… --out DIR | test DIR…',
  options: {
    input: {
      value: 'NAME=TENSOR.pb',
      many: true,
      help: 'run: a TensorProto file for the input NAME; once for each input',
    },
    out: { value: 'DIR', short: 'o', help: 'run: folder for the outputs, output_0.pb and so on' },
    batch: { value: 'N', help: 'info: the size of a symbolic first axis (default 1)' },
    shape: {
      value: 'NAME=1x3x224x224',
      many: true,
      help: 'info: the shape of the input NAME, where the model leaves it open',
    },
  },
  examples: [
    'colorizer onnx info mobilenet.onnx',
    'colorizer onnx run mobilenet.onnx --input x=photo.pb --out outputs/',
    'colorizer onnx test test/onnx',
  ],

  async run(call) {
    const [action, ...operands] = call.positionals
    if (action === 'info') return info(call, operands)
    if (action === 'run') return run(call, operands)
    if (action === 'test') return test(call, operands)
    throw wrong(`onnx ${action ?? ''}: expected info FILE, run FILE or test DIR…`)
  },
}

function oneFile(action: string, operands: readonly string[]): string {
  const [file, extra] = operands
  if (file === undefined) throw wrong(`onnx ${action} needs FILE, an ONNX model`)
  if (extra !== undefined) throw wrong(`onnx ${action} takes one model, not ${extra} as well`)
  return file
}

/** `NAME=VALUE`, each name once; names may have = in them. */
function pairs(option: string, given: readonly string[]): Map<string, string> {
  const found = new Map<string, string>()
  for (const text of given) {
    const at = text.lastIndexOf('=')
    const name = text.slice(0, Math.max(at, 0))
    if (name === '' || at === text.length - 1) throw wrong(`--${option} ${text}: expected NAME=VALUE`)
    if (found.has(name)) throw wrong(`--${option} ${text}: ${name} is given twice`)
    found.set(name, text.slice(at + 1))
  }
  return found
}

async function info({ flags }: Call, operands: readonly string[]): Promise<Result> {
  const file = oneFile('info', operands)
  const batch = flags.integer('batch')
  const shapes = new Map([...pairs('shape', flags.texts('shape'))].map(([name, text]) => [name, sizes(text)]))
  const model = await readModel(file)
  expectNames('shape', shapes, model.inputs)
  const found = describeModel(model, { shapes, ...(batch === undefined ? {} : { batch }) })
  return { json: found, text: format(found), code: EXIT.ok }
}

function sizes(text: string): number[] {
  const found = text.split(/[x×,]/).map(Number)
  if (found.every((size) => Number.isSafeInteger(size) && size > 0)) return found
  throw wrong(`--shape ${text}: expected sizes such as 1x3x224x224`)
}

function expectNames(
  option: string,
  given: ReadonlyMap<string, unknown>,
  inputs: readonly { readonly name: string }[],
): void {
  const unknown = [...given.keys()].find((name) => !inputs.some((input) => input.name === name))
  if (unknown === undefined) return
  const names = inputs.map(({ name }) => quote(name)).join(', ')
  throw wrong(`--${option}: the model has no input ${quote(unknown)}, but ${names}`)
}

const shapeText = (shape: readonly (number | string)[] | null) =>
  shape ? `[${shape.join('×')}]` : 'of any shape'

function format(found: ModelInfo): string {
  const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`
  const values = (kind: string, list: ModelInfo['inputs']) =>
    list.map(({ name, type, shape }) => `${kind.padEnd(12)}${name}  ${type} ${shapeText(shape)}`)
  const operators = Object.entries(found.operators).map(([op, count]) => `${op} ${count}`)
  const { unsupported } = found
  return [
    `${found.file}: opset ${found.opset}, IR ${found.irVersion}${found.producer ? `, by ${found.producer}` : ''}`,
    ...values('input', found.inputs),
    ...values('output', found.outputs),
    `operators   ${operators.join(', ')}`,
    `parameters  ${found.parameters.toLocaleString('en-US')}`,
    `arithmetic  ${found.gflop.toPrecision(3)} GFLOP`,
    `activations ${mib(found.peakActivationBytes)} planned; ${mib(found.largestAliveBytes)} are alive at once`,
    unsupported.length
      ? `unsupported ${unsupported.length} of the nodes that can be looked at:`
      : 'unsupported none',
    ...unsupported.slice(0, LISTED).map(({ reason }) => `  ${reason}`),
    ...(unsupported.length > LISTED ? [`  and ${unsupported.length - LISTED} more; --json lists all`] : []),
  ].join('\n')
}

async function run(call: Call, operands: readonly string[]): Promise<Result> {
  const { flags } = call
  // --input a=1.pb b=2.pb: what follows the first one is no model either
  const more = operands.slice(1)
  const file = oneFile('run', more.every((text) => text.includes('=')) ? operands.slice(0, 1) : operands)
  const out = flags.text('out')
  if (out === undefined) throw wrong('onnx run needs --out DIR, the folder for the outputs')
  const paths = pairs('input', [...flags.texts('input'), ...more])
  const model = await readModel(file)
  expectNames('input', paths, model.inputs)
  const inputs = new Map<string, HostTensor>()
  for (const [name, path] of paths) inputs.set(name, await readTensorFile(path))
  const outputs = await withGpu(call, (gpu) => runModel(gpu, model, inputs))
  await makeFolder(out)
  const written: { name: string; shape: readonly number[]; type: string; file: string }[] = []
  for (const [i, [name, tensor]] of [...outputs].entries()) {
    const path = join(out, `output_${i}.pb`)
    await saveFile(path, encodeTensor(name, tensor))
    written.push({ name, shape: tensor.shape, type: tensor.dtype, file: path })
  }
  const text = written
    .map(({ name, shape, type, file }) => `${name}  ${type} ${shapeText(shape)} → ${file}`)
    .join('\n')
  return { json: { outputs: written }, text, code: EXIT.ok }
}

async function test(call: Call, operands: readonly string[]): Promise<Result> {
  const { terminal, interrupted } = call
  if (operands.length === 0)
    throw wrong('onnx test needs DIR: a folder with model.onnx and test_data_set_0, or of such')
  const folders: string[] = []
  for (const operand of operands) folders.push(...(await testFolders(operand)))
  const verdicts = await withGpu(call, async (gpu) => {
    const found: Verdict[] = []
    for (const [i, folder] of folders.entries()) {
      if (interrupted.aborted) break
      terminal.progress(`${bar(i / folders.length)} ${folder}`)
      found.push(await testFolder(gpu, folder))
    }
    return found
  })
  const failed = verdicts.filter((verdict) => verdict.result === 'failed')
  const unsupported = verdicts.filter((verdict) => verdict.result === 'unsupported')
  const passed = verdicts.length - failed.length - unsupported.length
  const lines = [
    ...failed.map(({ name, reason }) => `FAILED   ${name}: ${reason}`),
    ...unsupported.map(({ name, reason }) => `skipped  ${name}: ${reason}`),
    `${passed} passed, ${failed.length} failed, ${unsupported.length} skipped`,
  ]
  return {
    json: {
      passed,
      failed: failed.map(({ name, reason }) => ({ name, reason })),
      unsupported: unsupported.map(({ name, op, reason }) => ({ name, op, reason })),
    },
    text: lines.join('\n'),
    code: interrupted.aborted ? EXIT.interrupted : failed.length ? EXIT.someInputFailed : EXIT.ok,
  }
}

/** Opens the adapter when it is first needed: some models are all computed at import. */
async function withGpu<T>(call: Call, work: (gpu: () => Promise<Gpu>) => Promise<T>): Promise<T> {
  let gpu: Gpu | null = null
  try {
    return await work(async () => {
      gpu ??= await openAdapter(call)
      return gpu
    })
  } finally {
    ;(gpu as Gpu | null)?.destroy()
  }
}
