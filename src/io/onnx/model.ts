/** An ONNX model file → nodes in topological order, checked. Says nothing of what the operators mean. */
import { readFile, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import proto from 'onnx-proto'
import { EXIT, UserError } from '../../errors.ts'
import { fileTrouble } from '../../node/trouble.ts'
import { sortNodes } from './order.ts'
import { ScanError, scan } from './scan.ts'
import {
  type Beside,
  type DataType,
  dtypeOf,
  type HostTensor,
  onnxTypeName,
  quote,
  readTensor,
  type TensorProto,
  toNumber,
} from './tensors.ts'

const { onnx } = proto

export const OPSETS = { first: 7, last: 21 } as const
/** Versions of the file format: 3 came before opset 7; later ones only added what is not read here. */
const IR_VERSIONS = { first: 3, last: 13 } as const
/** protobuf's own limit; external data counts as well. */
const MAX_MODEL_BYTES = 2 ** 31 - 1

/** Kinds of attributes that are read, and what they hold. */
export interface AttributeValues {
  readonly int: number
  readonly float: number
  readonly ints: readonly number[]
  readonly floats: readonly number[]
  readonly string: string
  readonly strings: readonly string[]
  readonly tensor: HostTensor
}

export type AttributeKind = keyof AttributeValues
export type Attribute =
  | { [K in AttributeKind]: { readonly kind: K; readonly value: AttributeValues[K] } }[AttributeKind]
  | { readonly kind: 'other' }

export interface OnnxNode {
  /** Its name in the file, or operator and position where it has none. */
  readonly name: string
  /** "Conv", or with the domain in front, "com.microsoft.FusedConv", when it is not one of ONNX's own. */
  readonly op: string
  /** '' stands for an optional input that is not there. */
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: ReadonlyMap<string, Attribute>
}

export interface ValueInfo {
  readonly name: string
  /** Null for what is no tensor of a type that is read; `typeName` then says what it is. */
  readonly dtype: DataType | null
  readonly typeName: string
  /** Sizes; a string is a symbolic one, '?' one without a name. Null: not even the rank is known. */
  readonly shape: readonly (number | string)[] | null
}

export interface OnnxModel {
  readonly path: string
  readonly opset: number
  readonly irVersion: number
  readonly producer: string
  /** Without those that only give an initializer its type. */
  readonly inputs: readonly ValueInfo[]
  readonly outputs: readonly ValueInfo[]
  readonly initializers: ReadonlyMap<string, HostTensor>
  /** In an order in which every node stands behind those whose outputs it reads. */
  readonly nodes: readonly OnnxNode[]
}

/**
 * Reads a model. Nothing is decoded before the file's structure has been checked, and the memory needed is bounded by
 * the file's size.
 * @throws UserError (exit code 4) naming the file: missing, damaged, of another opset, a graph that makes no sense
 */
export async function readModel(path: string): Promise<OnnxModel> {
  const bytes = await readChecked(path, 'Model')
  const beside = { folder: dirname(path), roomBytes: MAX_MODEL_BYTES - bytes.length }
  return modelOf(
    decode(path, () => onnx.ModelProto.decode(bytes)),
    path,
    beside,
  )
}

/** Reads a file that holds one TensorProto, as ONNX's backend tests do. Throws as `readModel`. */
export async function readTensorFile(path: string): Promise<HostTensor & { readonly name: string }> {
  const bytes = await readChecked(path, 'Tensor')
  const tensor = decode(path, () => onnx.TensorProto.decode(bytes))
  const beside = { folder: null, roomBytes: 0 }
  return { ...(await readTensor(tensor, `${path}: the tensor`, beside)), name: tensor.name ?? '' }
}

async function readChecked(path: string, root: 'Model' | 'Tensor'): Promise<Buffer> {
  try {
    const info = await stat(path)
    if (info.isDirectory()) throw bad(path, 'is a folder')
    if (!info.isFile()) throw bad(path, 'is not a regular file')
    if (info.size === 0) throw bad(path, 'is empty')
    if (info.size > MAX_MODEL_BYTES) {
      const gigabytes = (info.size / 1e9).toFixed(1)
      throw bad(
        path,
        `has ${gigabytes} GB: an ONNX file has at most 2, larger ones keep their tensors in other files`,
      )
    }
    const bytes = await readFile(path)
    scan(bytes, root)
    return bytes
  } catch (error) {
    if (error instanceof ScanError) throw notProto(path, error)
    throw fileTrouble('read', path, error, EXIT.badWeightsOrRecords)
  }
}

function decode<T>(path: string, decoder: () => T): T {
  try {
    return decoder()
  } catch (error) {
    throw notProto(path, error as Error)
  }
}

const notProto = (path: string, error: Error) =>
  bad(path, `is truncated, damaged or not an ONNX file: ${error.message}`)

async function modelOf(model: proto.onnx.IModelProto, path: string, beside: Beside): Promise<OnnxModel> {
  const { graph } = model
  if (!graph) throw bad(path, 'has no graph; it is truncated or not an ONNX model')
  const irVersion = toNumber(model.irVersion)
  if (irVersion < IR_VERSIONS.first || irVersion > IR_VERSIONS.last) {
    throw bad(path, `has IR version ${irVersion}; ${IR_VERSIONS.first} to ${IR_VERSIONS.last} are read`)
  }
  const opset = opsetOf(model, path)
  if (graph.sparseInitializer?.length) throw bad(path, 'has sparse initializers, which are not read')
  const initializers = new Map<string, HostTensor>()
  for (const tensor of graph.initializer ?? []) {
    const name = tensor.name ?? ''
    if (initializers.has(name)) throw bad(path, `has two initializers called ${quote(name)}`)
    initializers.set(name, await readTensor(tensor, `${path}: the initializer ${quote(name)}`, beside))
  }
  const inputs = (graph.input ?? []).map(valueInfo).filter(({ name }) => !initializers.has(name))
  const outputs = (graph.output ?? []).map(valueInfo)
  if (outputs.length === 0) throw bad(path, 'has a graph without outputs; it is truncated or not a model')
  const nodes: OnnxNode[] = []
  for (const [i, node] of (graph.node ?? []).entries()) nodes.push(await nodeOf(node, i, path, beside))
  const given = givenNames(path, inputs, initializers)
  const producer = [model.producerName, model.producerVersion].filter(Boolean).join(' ')
  const sorted = sortNodes(path, nodes, given, outputs)
  return { path, opset, irVersion, producer, inputs, outputs, initializers, nodes: sorted }
}

function opsetOf(model: proto.onnx.IModelProto, path: string): number {
  const own = (model.opsetImport ?? []).filter(({ domain }) => isOwnDomain(domain))
  if (own.length !== 1) throw bad(path, `names ${own.length || 'no'} versions of ONNX's operators (opset)`)
  const opset = toNumber(own[0]!.version)
  if (opset >= OPSETS.first && opset <= OPSETS.last) return opset
  throw bad(
    path,
    `has opset ${opset}; ${OPSETS.first} to ${OPSETS.last} are read, and onnx.version_converter makes them`,
  )
}

const isOwnDomain = (domain: string | null | undefined) => !domain || domain === 'ai.onnx'

async function nodeOf(
  node: proto.onnx.INodeProto,
  index: number,
  path: string,
  beside: Beside,
): Promise<OnnxNode> {
  const type = node.opType ?? ''
  const name = node.name || `${type}_${index}`
  const attributes = new Map<string, Attribute>()
  for (const attribute of node.attribute ?? []) {
    const key = attribute.name ?? ''
    const where = `${path}: the attribute ${quote(key)} of node ${quote(name)}`
    if (attributes.has(key)) throw new UserError(`${where} is there twice`, EXIT.badWeightsOrRecords)
    attributes.set(key, await attributeOf(attribute, where, beside))
  }
  return {
    name,
    op: isOwnDomain(node.domain) ? type : `${node.domain}.${type}`,
    inputs: node.input ?? [],
    outputs: node.output ?? [],
    attributes,
  }
}

const text = (bytes: Uint8Array | null | undefined) => Buffer.from(bytes ?? []).toString()

async function attributeOf(a: proto.onnx.IAttributeProto, where: string, beside: Beside): Promise<Attribute> {
  const { AttributeType: Type } = onnx.AttributeProto
  switch (a.type) {
    case Type.INT:
      return { kind: 'int', value: toNumber(a.i) }
    case Type.FLOAT:
      return { kind: 'float', value: a.f ?? 0 }
    case Type.STRING:
      return { kind: 'string', value: text(a.s) }
    case Type.INTS:
      return { kind: 'ints', value: (a.ints ?? []).map(toNumber) }
    case Type.FLOATS:
      return { kind: 'floats', value: a.floats ?? [] }
    case Type.STRINGS:
      return { kind: 'strings', value: (a.strings ?? []).map(text) }
    case Type.TENSOR:
      return { kind: 'tensor', value: await readTensor((a.t ?? {}) as TensorProto, where, beside) }
    default:
      return { kind: 'other' }
  }
}

function valueInfo({ name, type }: proto.onnx.IValueInfoProto): ValueInfo {
  const tensor = type?.tensorType
  const dims = tensor?.shape?.dim
  return {
    name: name ?? '',
    dtype: tensor ? dtypeOf(tensor.elemType) : null,
    typeName: tensor ? onnxTypeName(tensor.elemType) : type ? 'sequence or optional' : 'unknown',
    // a dimension is a number, a name or nothing at all; the decoder's default for the number is 0
    shape:
      dims?.map((dim) => (Object.hasOwn(dim, 'dimValue') ? toNumber(dim.dimValue) : dim.dimParam || '?')) ??
      null,
  }
}

function givenNames(
  path: string,
  inputs: readonly ValueInfo[],
  initializers: ReadonlyMap<string, HostTensor>,
): Set<string> {
  const given = new Set(initializers.keys())
  for (const { name } of inputs) {
    if (given.has(name)) throw bad(path, `has two inputs called ${quote(name)}`)
    given.add(name)
  }
  return given
}

const bad = (path: string, what: string) => new UserError(`${path} ${what}`, EXIT.badWeightsOrRecords)
