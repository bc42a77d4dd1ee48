/** An imported model as a part of a larger graph, for training: some of its weights are variables there. */
import { type Arena, arenaOf, viewsOf } from '../../autograd/arena.ts'
import { type Graph, GraphError } from '../../graph/graph.ts'
import { include } from '../../graph/include.ts'
import { elems, formatShape, type Tensor } from '../../kernels/op.ts'
import type { Imported } from './import.ts'
import type { OnnxModel } from './model.ts'
import { Memory } from './node.ts'
import { transposeHost } from './shapes.ts'
import { type HostTensor, quote } from './tensors.ts'
import type { Weight } from './values.ts'

export interface IncludeOptions {
  /** Tensors of the graph for inputs of the model, by name, stored as `Imported.inputs` says; the others become inputs. */
  readonly inputs?: ReadonlyMap<string, Tensor>
  /**
   * Which weights are variables; the others are constants. It is asked the name of each constant that the model computes with:
   * that of an initializer, or of what was computed of initializers at import, as dequantised weights are.
   */
  readonly trainable: (name: string) => boolean
  /** Name of the variable that holds all of them. */
  readonly variable?: string
}

export interface Included {
  /** The model's outputs by name, stored as `Imported.outputs` says. */
  readonly outputs: ReadonlyMap<string, Tensor>
  /** The variable: what an optimiser updates. */
  readonly parameters: Tensor
  /** Where each trainable weight lies in it. */
  readonly arena: Arena<Weight & { readonly shape: readonly number[] }>
  /** The weights themselves, in the order of the arena: what to differentiate by. */
  readonly weights: readonly Tensor[]
  /** Their values in the model, laid out as the arena. */
  readonly initial: Float32Array
}

/**
 * Adds an imported model to a graph, with the weights that are `trainable` as views of one flat variable.
 * @throws GraphError when no weight is trainable, or one is used in two orders of its axes; when an input does not fit
 */
export function includeTrainable(graph: Graph, imported: Imported, options: IncludeOptions): Included {
  const { inputs = new Map(), trainable, variable = 'parameters' } = options
  const source = imported.graph
  const chosen = [...imported.weights].filter(([, { name }]) => trainable(name))
  expectEachOnce(chosen.map(([, { name }]) => name))
  const arena = arenaOf(chosen.map(([tensor, weight]) => ({ ...weight, shape: source.shape(tensor) })))
  const parameters = graph.variable(variable, [arena.length])
  const weights = viewsOf(graph, arena, parameters)
  const standIns = new Map(chosen.map(([tensor], i) => [tensor, weights[i]!]))
  const included = include(graph, source, (tensor) => {
    const origin = source.origin(tensor)
    return (origin.kind === 'input' ? inputs.get(origin.name) : standIns.get(tensor)) ?? null
  })
  const outputs = new Map([...source.outputs].map(([name, tensor]) => [name, included(tensor)]))
  const initial = new Float32Array(arena.length)
  for (const [i, [tensor]] of chosen.entries()) initial.set(dataOf(source, tensor), arena.tensors[i]!.offset)
  return { outputs, parameters, arena, weights, initial }
}

/** The weights by name out of a flat array that is laid out as the arena, their axes in the order of the model. */
export function weightsIn({ arena }: Pick<Included, 'arena'>, flat: Float32Array): Map<string, HostTensor> {
  const room = new Memory(Number.POSITIVE_INFINITY)
  return new Map(
    arena.tensors.map(({ name, shape, offset, perm }) => {
      const stored: HostTensor = {
        dtype: 'float32',
        shape,
        data: flat.slice(offset, offset + elems({ shape })),
      }
      const back = perm.map((_, axis) => perm.indexOf(axis))
      return [name, transposeHost(stored, back, room)]
    }),
  )
}

/** All that the nodes behind the one called `name` read: names to choose trainable weights by. Throws where there is none. */
export function readBehind({ nodes }: Pick<OnnxModel, 'nodes'>, name: string): Set<string> {
  const start = nodes.find((node) => node.name === name)
  if (!start) throw new GraphError(`the model has no node ${quote(name)}`)
  const reached = new Set(start.outputs)
  const read = nodes.filter(({ inputs, outputs }) => {
    const isBehind = inputs.some((input) => reached.has(input))
    if (isBehind) for (const output of outputs) reached.add(output)
    return isBehind
  })
  return new Set(read.flatMap(({ inputs }) => inputs))
}

function expectEachOnce(names: readonly string[]): void {
  if (names.length === 0) throw new GraphError('the model has no weight that is to be trained')
  const twice = names.find((name, i) => names.indexOf(name) < i)
  if (twice === undefined) return
  throw new GraphError(`the weight ${quote(twice)} is used in two orders of its axes: it cannot be trained`)
}

function dataOf(graph: Graph, tensor: Tensor): Float32Array {
  const origin = graph.origin(tensor)
  if (origin.kind !== 'constant')
    throw new GraphError(`a weight ${formatShape(graph.shape(tensor))} is computed`)
  return origin.data
}
