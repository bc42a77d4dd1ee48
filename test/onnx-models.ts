/** ONNX models made for a test, and folders for them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import proto from 'onnx-proto'
import { afterAll } from 'vitest'
import { product } from '../src/numbers.ts'

const { onnx } = proto
export type Tensor = proto.onnx.ITensorProto
type Dim = number | string

export interface ModelParts {
  readonly opset?: number
  readonly nodes: proto.onnx.INodeProto[]
  readonly inputs?: Record<string, Dim[]>
  readonly outputs?: string[]
  readonly initializers?: Tensor[]
  /** Changes the finished message. */
  readonly change?: (model: proto.onnx.IModelProto) => void
}

export const float = (name: string, dims: number[], data?: number[]): Tensor => ({
  ...{ name, dims, dataType: 1 },
  floatData: data ?? Array.from({ length: product(dims) }, (_, i) => i / 8),
})

export const int64 = (name: string, values: number[], dims = [values.length]): Tensor => ({
  ...{ name, dims, dataType: 7, int64Data: values },
})

export function node(
  opType: string,
  input: string[],
  output: string[] = ['y'],
  attributes: Record<string, number | number[] | string> = {},
): proto.onnx.INodeProto {
  const { AttributeType: Type } = onnx.AttributeProto
  const attribute = Object.entries(attributes).map(([name, value]) => {
    if (Array.isArray(value)) return { name, type: Type.INTS, ints: value }
    if (typeof value === 'string') return { name, type: Type.STRING, s: Buffer.from(value) }
    return Number.isInteger(value) ? { name, type: Type.INT, i: value } : { name, type: Type.FLOAT, f: value }
  })
  return { opType, name: `the ${opType}`, input, output, attribute }
}

const info = (name: string, dims?: Dim[]): proto.onnx.IValueInfoProto => ({
  name,
  type: {
    tensorType: {
      elemType: 1,
      ...(dims
        ? { shape: { dim: dims.map((d) => (typeof d === 'string' ? { dimParam: d } : { dimValue: d })) } }
        : {}),
    },
  },
})

export function modelBytes({ opset = 13, nodes, inputs, outputs = ['y'], initializers, change }: ModelParts) {
  const model: proto.onnx.IModelProto = {
    irVersion: 8,
    opsetImport: [{ domain: '', version: opset }],
    graph: {
      node: nodes,
      input: Object.entries(inputs ?? { x: [1, 2, 4, 4] }).map(([name, dims]) => info(name, dims)),
      output: outputs.map((name) => info(name)),
      initializer: initializers ?? [],
    },
  }
  change?.(model)
  return onnx.ModelProto.encode(model).finish()
}

/** A folder that is gone when the tests are done. */
export function useFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'onnx-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  return folder
}

/** Writes a model and returns its path. */
export function save(folder: string, parts: ModelParts, name = 'model.onnx'): string {
  const path = join(folder, name)
  writeFileSync(path, modelBytes(parts))
  return path
}
