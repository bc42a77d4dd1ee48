/** Folders in ONNX's backend-test layout: `model.onnx`, `test_data_set_0/input_0.pb`, `test_data_set_0/output_0.pb`. */
import { type Dirent, existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Gpu } from '../device/gpu.ts'
import { UserError } from '../errors.ts'
import { ImportError } from '../io/onnx/import.ts'
import type { OnnxModel } from '../io/onnx/model.ts'
import { type HostTensor, quote, UnreadableType } from '../io/onnx/tensors.ts'
import { formatShape } from '../kernels/op.ts'
import { readModel, readTensorFile } from '../node/onnx-file.ts'
import { fileTrouble } from '../node/trouble.ts'
import { runModel } from './onnx-run.ts'

/** What became of a folder in ONNX's backend-test layout. */
export type Verdict =
  | { readonly name: string; readonly result: 'passed' }
  | { readonly name: string; readonly result: 'failed'; readonly reason: string }
  | { readonly name: string; readonly result: 'unsupported'; readonly op: string; readonly reason: string }

/** ONNX's own test runner allows |ours − expected| ≤ ATOL + RTOL · |expected|. */
const RTOL = 1e-3
const ATOL = 1e-7
const MODEL = 'model.onnx'

/**
 * The folders that have a model, at or below `path`, in order.
 * @throws UserError (exit code 4) when there is none
 */
export async function testFolders(path: string): Promise<string[]> {
  const found = await foldersBelow(path)
  if (found.length) return found
  throw new UserError(`${path}: no ${MODEL} in it or in the folders below`, 'weights')
}

async function foldersBelow(path: string): Promise<string[]> {
  if (existsSync(join(path, MODEL))) return [path]
  const below = (await list(path)).filter((entry) => entry.isDirectory()).map(({ name }) => join(path, name))
  const found: string[] = []
  for (const folder of below) found.push(...(await foldersBelow(folder)))
  return found
}

async function list(path: string): Promise<Dirent[]> {
  try {
    const entries = await readdir(path, { withFileTypes: true })
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1))
  } catch (error) {
    throw fileTrouble('read', path, error, 'weights')
  }
}

/** Runs the model of one folder on all its data sets. Whatever is wrong with the folder is in the verdict. */
export async function testFolder(gpu: () => Promise<Gpu>, folder: string): Promise<Verdict> {
  const name = basename(folder)
  let op = 'model'
  try {
    const model = await readModel(join(folder, MODEL))
    op = [...new Set(model.nodes.map((node) => node.op))].join(', ')
    const reason = await differenceIn(gpu, model, folder)
    return reason === null ? { name, result: 'passed' } : { name, result: 'failed', reason }
  } catch (error) {
    const reason = (error as Error).message
    if (error instanceof UnreadableType) return { name, result: 'unsupported', op, reason }
    if (error instanceof ImportError && error.defect !== 'bad') {
      return { name, result: 'unsupported', op: error.op, reason }
    }
    if (error instanceof UserError) return { name, result: 'failed', reason }
    throw error
  }
}

/** The first output that is not as expected, in words; null when all are. */
async function differenceIn(
  gpu: () => Promise<Gpu>,
  model: OnnxModel,
  folder: string,
): Promise<string | null> {
  const sets = (await list(folder)).filter(({ name }) => /^test_data_set_\d+$/.test(name))
  if (sets.length === 0) return `${folder} has no test_data_set_0`
  for (const { name } of sets) {
    const set = join(folder, name)
    const inputs = await readNumbered(set, 'input', model.inputs)
    const expected = await readNumbered(set, 'output', model.outputs)
    if (expected.size === 0) return `${set} has no output_0.pb`
    const outputs = await runModel(gpu, model, inputs)
    for (const [output, tensor] of expected) {
      const difference = compareTensors(outputs.get(output)!, tensor)
      if (difference !== null) return `${name}, output ${quote(output)}: ${difference}`
    }
  }
  return null
}

/** `input_0.pb` … for the inputs in their order. */
async function readNumbered(
  folder: string,
  kind: 'input' | 'output',
  values: readonly { readonly name: string }[],
): Promise<Map<string, HostTensor>> {
  const count = (await list(folder)).filter(({ name }) => new RegExp(`^${kind}_\\d+\\.pb$`).test(name)).length
  if (count > values.length) {
    throw new UserError(`${folder} has ${count} ${kind}s, the model ${values.length}`, 'weights')
  }
  const tensors = new Map<string, HostTensor>()
  for (let i = 0; i < count; i++)
    tensors.set(values[i]!.name, await readTensorFile(join(folder, `${kind}_${i}.pb`)))
  return tensors
}

/** How `ours` differs from `expected` beyond the tolerance, in words, or null. float32 stands for float16. */
export function compareTensors(ours: HostTensor, expected: HostTensor): string | null {
  const type = (dtype: string) => (dtype === 'float16' ? 'float32' : dtype)
  if (type(ours.dtype) !== type(expected.dtype)) return `is ${ours.dtype}, not ${expected.dtype}`
  const [shape, wanted] = [formatShape(ours.shape), formatShape(expected.shape)]
  if (shape !== wanted) return `is ${shape}, not ${wanted}`
  for (let i = 0; i < expected.data.length; i++) {
    const [a, b] = [ours.data[i]!, expected.data[i]!]
    if (!isClose(Number(a), Number(b)) || (typeof a === 'bigint' && a !== b)) {
      return `element ${i} of ${shape} is ${a}, not ${b}`
    }
  }
  return null
}

const isClose = (a: number, b: number) =>
  Object.is(a, b) ||
  a === b ||
  (Number.isFinite(a) && Number.isFinite(b) && Math.abs(a - b) <= ATOL + RTOL * Math.abs(b))
