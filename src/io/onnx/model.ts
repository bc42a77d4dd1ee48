/** An ONNX model → nodes in topological order, checked. Says nothing of what the operators mean. */
import { UserError } from '../../errors.ts'
import { type Beside, externalData } from './external.ts'
import { sortNodes } from './order.ts'
import {
  ATTRIBUTE_TYPES,
  type AttributeProto,
  decodeModel,
  decodeTensor,
  type ModelProto,
  type NodeProto,
  toNumber,
  type ValueInfoProto,
} from './proto.ts'
import { scan } from './scan.ts'
import {
  type DataType,
  dtypeOf,
  type ExternalData,
  type HostTensor,
  onnxTypeName,
  quote,
  readTensor,
} from './tensors.ts'

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
  /** What errors call it. */
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
 * the file's size. Weights are views of `bytes` where they happen to be aligned.
 * @param name what errors call it
 * @param beside opens the files that it keeps weights in; without it, such a model is refused
 * @throws UserError about weights naming it: damaged, of another opset, a graph that makes no sense
 */
export async function parseModel(
  bytes: Uint8Array,
  { name, beside }: { readonly name: string; readonly beside?: Beside },
): Promise<OnnxModel> {
  const model = decode(bytes, name, 'Model', decodeModel)
  return modelOf(model, name, beside ? externalData(beside, MAX_MODEL_BYTES - bytes.length) : null)
}

/** Reads one TensorProto, as ONNX's backend tests keep them in files. `name` is what errors call it. Throws as `parseModel`. */
export async function parseTensor(
  bytes: Uint8Array,
  name: string,
): Promise<HostTensor & { readonly name: string }> {
  const tensor = decode(bytes, name, 'Tensor', decodeTensor)
  const read = await readTensor(tensor, `${name}: the tensor`, null)
  return { ...read, name: tensor.name ?? '' }
}

/** Throws a UserError unless an ONNX file may have `size` bytes, so that one need not be read to be refused. */
export function expectSize(size: number, name: string): void {
  if (size === 0) throw bad(name, 'is empty')
  if (size <= MAX_MODEL_BYTES) return
  const gigabytes = (size / 1e9).toFixed(1)
  throw bad(
    name,
    `has ${gigabytes} GB: an ONNX file has at most 2, larger ones keep their tensors in other files`,
  )
}

function decode<T>(
  bytes: Uint8Array,
  name: string,
  root: 'Model' | 'Tensor',
  decoder: (bytes: Uint8Array) => T,
): T {
  expectSize(bytes.length, name)
  try {
    scan(bytes, root)
    return decoder(bytes)
  } catch (error) {
    throw bad(name, `is truncated, damaged or not an ONNX file: ${(error as Error).message}`)
  }
}

async function modelOf(model: ModelProto, path: string, external: ExternalData | null): Promise<OnnxModel> {
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
    initializers.set(name, await readTensor(tensor, `${path}: the initializer ${quote(name)}`, external))
  }
  const inputs = (graph.input ?? []).map(valueInfo).filter(({ name }) => !initializers.has(name))
  const outputs = (graph.output ?? []).map(valueInfo)
  if (outputs.length === 0) throw bad(path, 'has a graph without outputs; it is truncated or not a model')
  const nodes: OnnxNode[] = []
  for (const [i, node] of (graph.node ?? []).entries()) nodes.push(await nodeOf(node, i, path, external))
  const given = givenNames(path, inputs, initializers)
  const producer = [model.producerName, model.producerVersion].filter(Boolean).join(' ')
  const sorted = sortNodes(path, nodes, given, outputs)
  return { path, opset, irVersion, producer, inputs, outputs, initializers, nodes: sorted }
}

function opsetOf(model: ModelProto, path: string): number {
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
  node: NodeProto,
  index: number,
  path: string,
  external: ExternalData | null,
): Promise<OnnxNode> {
  const type = node.opType ?? ''
  const name = node.name || `${type}_${index}`
  const attributes = new Map<string, Attribute>()
  for (const attribute of node.attribute ?? []) {
    const key = attribute.name ?? ''
    const where = `${path}: the attribute ${quote(key)} of node ${quote(name)}`
    if (attributes.has(key)) throw new UserError(`${where} is there twice`, 'weights')
    attributes.set(key, await attributeOf(attribute, where, external))
  }
  return {
    name,
    op: isOwnDomain(node.domain) ? type : `${node.domain}.${type}`,
    inputs: node.input ?? [],
    outputs: node.output ?? [],
    attributes,
  }
}

/** A byte order mark is a part of the text, like any other character. */
const UTF8 = new TextDecoder('utf-8', { ignoreBOM: true })
const text = (bytes: Uint8Array | null | undefined) => UTF8.decode(bytes ?? new Uint8Array())

async function attributeOf(
  a: AttributeProto,
  where: string,
  external: ExternalData | null,
): Promise<Attribute> {
  switch (a.type) {
    case ATTRIBUTE_TYPES.int:
      return { kind: 'int', value: toNumber(a.i) }
    case ATTRIBUTE_TYPES.float:
      return { kind: 'float', value: a.f ?? 0 }
    case ATTRIBUTE_TYPES.string:
      return { kind: 'string', value: text(a.s) }
    case ATTRIBUTE_TYPES.ints:
      return { kind: 'ints', value: (a.ints ?? []).map(toNumber) }
    case ATTRIBUTE_TYPES.floats:
      return { kind: 'floats', value: a.floats ?? [] }
    case ATTRIBUTE_TYPES.strings:
      return { kind: 'strings', value: (a.strings ?? []).map(text) }
    case ATTRIBUTE_TYPES.tensor:
      return { kind: 'tensor', value: await readTensor(a.t ?? {}, where, external) }
    default:
      return { kind: 'other' }
  }
}

function valueInfo({ name, type }: ValueInfoProto): ValueInfo {
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

const bad = (path: string, what: string) => new UserError(`${path} ${what}`, 'weights')
