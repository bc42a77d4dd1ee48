/** An ONNX model → our graph. What each operator becomes stands in `device.ts` and `host.ts`. */
import { UserError } from '../../errors.ts'
import { Derivations } from '../../graph/derivations.ts'
import { Graph, GraphError } from '../../graph/graph.ts'
import { formatShape, ShapeError, type Tensor } from '../../kernels/op.ts'
import { DEVICE_OPS } from './device.ts'
import { HOST_OPS, type HostInputs, type HostOp } from './host.ts'
import type { OnnxModel, OnnxNode, ValueInfo } from './model.ts'
import { Attributes, BadNode, Memory, NotKnown, Unsupported } from './node.ts'
import { elemsOf, type HostTensor, quote, UnreadableType } from './tensors.ts'
import {
  Builder,
  type DeviceContext,
  type Inputs,
  isHost,
  type Layout,
  storedShape,
  type Value,
  type Weight,
} from './values.ts'

export interface ImportOptions {
  /** For a first axis of symbolic size; 1 when it is left out. */
  readonly batch?: number
  /** Shapes of inputs, by name, where the model leaves them open. */
  readonly shapes?: ReadonlyMap<string, readonly number[]>
  /** Inputs whose values are known already: they become constants, of any type. */
  readonly values?: ReadonlyMap<string, HostTensor>
  /** Whether to go on behind a node that cannot be imported, and list all of them in `problems`. */
  readonly survey?: boolean
  /** What is computed of the model's weights, to be shared by several imports of it. */
  readonly derivations?: Derivations
}

/** An input of the graph: uploaded under its name, its elements in the order of `layout`. */
export interface Input {
  readonly name: string
  /** As ONNX speaks of it; an image is [N,C,H,W] whatever the layout. */
  readonly shape: readonly number[]
  readonly layout: Layout
}

/** An output: read back from the graph under its name, or known already at import. */
export interface Output extends Input {
  readonly constant: HostTensor | null
}

export interface Imported {
  readonly graph: Graph
  readonly inputs: readonly Input[]
  readonly outputs: readonly Output[]
  /** The constants of the graph that are values of the model, by its names; see `includeTrainable`. */
  readonly weights: ReadonlyMap<Tensor, Weight>
  /** Empty unless a `survey` was asked for. */
  readonly problems: readonly ImportError[]
}

/** What kind of thing is wrong with a node. */
export type Defect = 'unsupported' | 'not known at import' | 'bad'

/** A node that cannot be imported, in one sentence with operator, node, opset and shapes. Its trouble is 'weights'. */
export class ImportError extends UserError {
  readonly node: string
  readonly op: string
  readonly defect: Defect

  constructor(
    message: string,
    { node, op, defect }: Pick<ImportError, 'node' | 'op' | 'defect'>,
    options?: ErrorOptions,
  ) {
    super(message, 'weights', options)
    this.node = node
    this.op = op
    this.defect = defect
  }
}

/** Names of all operators that there are. */
export const OPERATORS: readonly string[] = [
  ...new Set([...Object.keys(DEVICE_OPS), ...Object.keys(HOST_OPS)]),
].sort()

/** Folding may allocate this, and a few times the size of the model's own tensors: unpacked, and turned. */
const FOLDING_BYTES = 2 ** 26
/** A sentence, however long the lists in the model are. */
const MAX_TEXT = 400

/**
 * Builds the graph of a model. Nodes whose inputs are all known are computed at once.
 * @throws ImportError for a node, UserError for an input; both name the file
 */
export function importOnnx(model: OnnxModel, options: ImportOptions = {}): Imported {
  return new Importer(model, options).run()
}

class Importer {
  readonly #graph = new Graph()
  readonly #builder: Builder
  readonly #derivations: Derivations
  readonly #values = new Map<string, Value>()
  readonly #problems: ImportError[] = []

  constructor(
    private readonly model: OnnxModel,
    private readonly options: ImportOptions,
  ) {
    const ownBytes = [...model.initializers.values()].reduce((sum, { data }) => sum + data.byteLength, 0)
    this.#derivations = options.derivations ?? new Derivations()
    this.#builder = new Builder(this.#graph, new Memory(FOLDING_BYTES + 8 * ownBytes), this.#derivations)
  }

  run(): Imported {
    const { model } = this
    for (const [name, tensor] of model.initializers) this.#set(name, tensor)
    const symbols = new Map<string, number>()
    const inputs = model.inputs.flatMap((info) => this.#surveyInput(info, symbols))
    for (const node of model.nodes) this.#survey(node)
    const outputs = model.outputs.flatMap(({ name }) => this.#output(name))
    const { weights } = this.#builder
    return { graph: this.#graph, inputs, outputs, weights, problems: this.#problems }
  }

  #set(name: string, value: Value): void {
    this.#values.set(name, value)
    if (isHost(value)) this.#builder.name(value, name)
  }

  #surveyInput(info: ValueInfo, symbols: Map<string, number>): Input[] {
    try {
      return this.#input(info, symbols)
    } catch (error) {
      if (!this.options.survey || !(error instanceof UserError)) throw error
      const problem = { node: info.name, op: 'input', defect: 'unsupported' } as const
      this.#problems.push(new ImportError(error.message, problem, { cause: error }))
      return []
    }
  }

  #input(info: ValueInfo, symbols: Map<string, number>): Input[] {
    const { path } = this.model
    const { name } = info
    const value = this.options.values?.get(name)
    const shape = this.#shapeOf(info, symbols, value)
    if (!info.dtype) throw new UnreadableType(`${path}: its input ${quote(name)}`, info.typeName)
    if (value) {
      if (value.dtype !== info.dtype) {
        throw bad(path, `its input ${quote(name)} is ${info.dtype}, not ${value.dtype}`)
      }
      this.#values.set(name, value)
      return []
    }
    if (info.dtype !== 'float32' && info.dtype !== 'float16') {
      throw bad(path, `its input ${quote(name)} is ${info.typeName}; the GPU computes with float32 only`)
    }
    // an image is wanted channels-last, but for one that the model itself turns first
    const isTurned = this.model.nodes.some(({ op, inputs }) => op === 'Transpose' && inputs[0] === name)
    const layout = shape.length === 4 && !isTurned ? 'nhwc' : 'rows'
    const tensor = this.#graph.input(name, storedShape(shape, layout))
    this.#values.set(name, { tensor, shape, layout })
    return [{ name, shape, layout }]
  }

  /** The sizes of an input: the model's own, those asked for, or the batch for a first axis that has none. */
  #shapeOf(info: ValueInfo, symbols: Map<string, number>, value: HostTensor | undefined): number[] {
    const { name, shape: declared } = info
    const { batch, shapes } = this.options
    const given = value?.shape ?? shapes?.get(name)
    const model = declared ? `[${declared.join('×')}]` : 'of any shape'
    const wrong = (what: string) => bad(this.model.path, `its input ${quote(name)} is ${model}: ${what}`)
    if (given && declared && given.length !== declared.length)
      throw wrong(`${formatShape(given)} does not fit`)
    if (!declared && !given) throw wrong('its shape has to be given')
    const shape = (declared ?? given!).map((size, axis) => {
      if (typeof size === 'number') {
        const asked = given?.[axis] ?? (axis === 0 ? batch : undefined) ?? size
        if (asked !== size) throw wrong(`its axis ${axis} cannot be ${asked}`)
        return size
      }
      const found = given?.[axis] ?? symbols.get(size) ?? (axis === 0 ? (batch ?? 1) : undefined)
      if (found === undefined) throw wrong(`its size ${quote(size)} has to be given`)
      if (size !== '?') symbols.set(size, found)
      return found
    })
    const empty = shape.includes(0) && value === undefined
    if (empty || elemsOf(shape) === null) {
      throw wrong('no graph can have that')
    }
    return shape
  }

  #output(name: string): Output[] {
    const value = this.#values.get(name)
    if (!value) return [] // behind a node that a survey has listed
    if (isHost(value)) return [{ name, shape: value.shape, layout: 'rows', constant: value }]
    this.#graph.output(name, value.tensor)
    return [{ name, shape: value.shape, layout: value.layout, constant: null }]
  }

  /** Imports one node. In a survey its problem is noted, and nodes that need its outputs are passed over. */
  #survey(node: OnnxNode): void {
    const isBehindProblem = node.inputs.some((name) => name !== '' && !this.#values.has(name))
    if (isBehindProblem && isKnownOp(node.op)) return
    try {
      this.#node(node)
    } catch (error) {
      const problem = this.#explain(node, error)
      if (!this.options.survey) throw problem
      this.#problems.push(problem)
    }
  }

  #node(node: OnnxNode): void {
    const inputs = node.inputs.map((name) => (name === '' ? null : this.#values.get(name)!))
    // in a survey, inputs of an operator that is not known may be missing
    const known = inputs.filter(
      (value): value is HostTensor | null => value === null || (value !== undefined && isHost(value)),
    )
    const host = known.length === inputs.length ? own(HOST_OPS, node.op) : undefined
    const outputs = host
      ? this.#folded(node, known, host)
      : this.#checked(node, (context) => this.#deviceOp(node, inputs)(inputs, context))
    node.outputs.forEach((name, i) => {
      if (name !== '') this.#set(name, outputs[i]!)
    })
  }

  /** Computes a node whose inputs are all known, unless another import has done so. */
  #folded(node: OnnxNode, inputs: HostInputs, op: HostOp): readonly Value[] {
    const data = inputs.flatMap((value) => (value ? [value.data] : []))
    const types = inputs.map((value) => value && `${value.dtype} [${value.shape}]`)
    return this.#derivations.of([node, ...data], types.join(), () =>
      this.#checked(node, (context) => op(inputs, context)),
    )
  }

  #deviceOp({ op, inputs: names }: OnnxNode, inputs: Inputs) {
    if (!isKnownOp(op)) throw new Unsupported('is not among the operators that there are')
    const device = own(DEVICE_OPS, op)
    if (device) return device
    const unknown = names[inputs.findIndex((value) => value !== null && !isHost(value))]!
    throw new NotKnown(`is computed at import, and its input ${quote(unknown)} is not known then`)
  }

  /** The results of a node. Throws when there are fewer than the model names, or attributes that change nothing. */
  #checked(node: OnnxNode, compute: (context: DeviceContext) => readonly Value[]): readonly Value[] {
    const attributes = new Attributes(node)
    const builder = this.#builder
    const named = node.outputs.findLastIndex((name) => name !== '') + 1
    const context = { attributes, opset: this.model.opset, builder, memory: builder.memory, outputs: named }
    const outputs = this.#graph.scope(node.name, () => compute(context))
    if (named > outputs.length) throw new Unsupported(`does not compute its output ${named - 1}`)
    const unused = attributes.unused()
    if (unused.length) throw new Unsupported(`has the attribute ${unused.map(quote).join(', ')}`)
    return outputs
  }

  #explain(node: OnnxNode, error: unknown): ImportError {
    const shapes = node.inputs.map((name) => (name === '' ? '–' : describe(this.#values.get(name))))
    const on = shapes.length ? ` on ${shapes.slice(0, 6).join(', ')}${shapes.length > 6 ? ', …' : ''}` : ''
    const where = `${this.model.path}: node ${quote(node.name)} (${node.op}, opset ${this.model.opset})${on}`
    const defect = defectOf(error)
    if (defect === null) throw error
    const all = (error as Error).message.replace(`layer ${node.name}: `, '')
    const text = all.length > MAX_TEXT ? `${all.slice(0, MAX_TEXT)}…` : all
    return new ImportError(`${where}: ${text}`, { node: node.name, op: node.op, defect }, { cause: error })
  }
}

const own = <T>(table: Readonly<Record<string, T>>, name: string) =>
  Object.hasOwn(table, name) ? table[name] : undefined
const isKnownOp = (op: string) => own(HOST_OPS, op) !== undefined || own(DEVICE_OPS, op) !== undefined

/** Null for an error of this program's own. */
function defectOf(error: unknown): Defect | null {
  if (error instanceof Unsupported) return 'unsupported'
  if (error instanceof NotKnown) return 'not known at import'
  return [BadNode, ShapeError, GraphError].some((kind) => error instanceof kind) ? 'bad' : null
}

const describe = (value: Value | undefined) =>
  value ? (isHost(value) ? `${value.dtype} ` : '') + formatShape(value.shape) : '?'

const bad = (path: string, what: string) => new UserError(`${path}: ${what}`, 'weights')
