import { getOp } from '../kernels/index.ts'
import type { AttrsOf, OpName } from '../kernels/op.ts'
import { formatShape, type Spec, type Tensor } from '../kernels/op.ts'

/** Where a tensor's value comes from. */
export type Origin =
  | { readonly kind: 'input'; readonly name: string }
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'constant'; readonly data: Float32Array }
  | { readonly kind: 'node'; readonly node: number; readonly output: number }

export interface Node {
  readonly id: number
  readonly op: OpName
  readonly attrs: object
  readonly inputs: readonly Tensor[]
  readonly outputs: readonly Tensor[]
  /** The layer it belongs to, for errors and profiles: "encoder.conv1". */
  readonly label: string
}

export class GraphError extends Error {
  override readonly name = 'GraphError'
}

/**
 * A static graph of operators. Nodes run in the order they were added, which is topological by construction.
 * Inputs are uploaded anew before each run; variables live as long as their `Variables`, across runs and graphs.
 */
export class Graph {
  readonly nodes: Node[] = []
  readonly outputs = new Map<string, Tensor>()
  readonly #specs: Spec[] = []
  readonly #origins: Origin[] = []
  readonly #byName = { input: new Map<string, Tensor>(), variable: new Map<string, Tensor>() }
  #scope = ''

  spec(tensor: Tensor): Spec {
    return this.#specs[tensor]!
  }

  shape(tensor: Tensor): readonly number[] {
    return this.#specs[tensor]!.shape
  }

  origin(tensor: Tensor): Origin {
    return this.#origins[tensor]!
  }

  *tensors(): Generator<Tensor> {
    for (let t = 0; t < this.#specs.length; t++) yield t as Tensor
  }

  /** The input of that name: one tensor, however often it is asked for. Throws when it has another shape. */
  input(name: string, shape: readonly number[]): Tensor {
    return this.#named('input', name, shape)
  }

  /** The variable of that name, as `input`. */
  variable(name: string, shape: readonly number[]): Tensor {
    return this.#named('variable', name, shape)
  }

  #named(kind: 'input' | 'variable', name: string, shape: readonly number[]): Tensor {
    const all = this.#byName[kind]
    const known = all.get(name)
    if (known === undefined) {
      const tensor = this.#tensor({ shape }, { kind, name })
      all.set(name, tensor)
      return tensor
    }
    if (formatShape(this.shape(known)) !== formatShape(shape)) {
      throw new GraphError(`${kind} ${name} is ${formatShape(this.shape(known))}, not ${formatShape(shape)}`)
    }
    return known
  }

  constant(data: Float32Array, shape: readonly number[]): Tensor {
    return this.#tensor({ shape }, { kind: 'constant', data })
  }

  output(name: string, tensor: Tensor): void {
    this.outputs.set(name, tensor)
  }

  /** Adds a node and returns its first output. Throws a `GraphError` that names the layer when shapes don't fit. */
  op<N extends OpName>(name: N, inputs: readonly Tensor[], attrs: AttrsOf<N>): Tensor {
    return this.all(name, inputs, attrs)[0]!
  }

  /** Adds a node and returns all its outputs. */
  all<N extends OpName>(name: N, inputs: readonly Tensor[], attrs: AttrsOf<N>): Tensor[] {
    const specs = this.#infer(name, inputs, attrs)
    const id = this.nodes.length
    const outputs = specs.map((spec, output) => this.#tensor(spec, { kind: 'node', node: id, output }))
    this.nodes.push({ id, op: name, attrs, inputs, outputs, label: this.#scope || name })
    return outputs
  }

  /** Nodes added inside `build` are labelled `name` (nested: `outer.name`). */
  scope<T>(name: string, build: () => T): T {
    const outer = this.#scope
    this.#scope = outer ? `${outer}.${name}` : name
    try {
      return build()
    } finally {
      this.#scope = outer
    }
  }

  #infer<N extends OpName>(name: N, inputs: readonly Tensor[], attrs: AttrsOf<N>): Spec[] {
    try {
      return getOp(name).infer(
        inputs.map((t) => this.spec(t)),
        attrs,
      )
    } catch (cause) {
      const where = this.#scope ? `layer ${this.#scope}: ` : ''
      throw new GraphError(`${where}${(cause as Error).message}`, { cause })
    }
  }

  #tensor(spec: Spec, origin: Origin): Tensor {
    if (spec.shape.some((d) => !Number.isInteger(d) || d < 1)) {
      throw new GraphError(`${this.#scope || 'graph'}: ${formatShape(spec.shape)} is not a shape`)
    }
    this.#specs.push(spec)
    this.#origins.push(origin)
    return (this.#specs.length - 1) as Tensor
  }
}
