import { UserError } from '../../errors.ts'
import { quote } from './tensors.ts'

interface Node {
  readonly name: string
  readonly op: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
}

/**
 * The nodes so that each stands behind those it reads from; a list that is in order stays as it is. Throws when a value
 * comes from nowhere, from two places, or from itself.
 */
export function sortNodes<N extends Node>(
  path: string,
  nodes: readonly N[],
  given: ReadonlySet<string>,
  outputs: readonly { readonly name: string }[],
): N[] {
  const makers = new Map<string, N>()
  for (const node of nodes) {
    for (const name of node.outputs) {
      if (name === '') continue
      const other = makers.get(name)
      const who = other ? `node ${quote(other.name)}` : given.has(name) ? 'an input or initializer' : null
      if (who)
        throw bad(path, `has the value ${quote(name)} twice: from node ${quote(node.name)} and from ${who}`)
      makers.set(name, node)
    }
  }
  const expectKnown = (name: string, reader: string) => {
    if (name === '' || given.has(name) || makers.has(name)) return
    throw bad(path, `has no value called ${quote(name)}, which ${reader} needs`)
  }
  for (const node of nodes)
    for (const name of node.inputs) expectKnown(name, `node ${quote(node.name)} (${node.op})`)
  for (const { name } of outputs) expectKnown(name === '' ? ' ' : name, "the graph's output list")
  return depthFirst(path, nodes, makers)
}

/** Depth first with a stack of its own: a graph may be deeper than the program's. */
function depthFirst<N extends Node>(path: string, nodes: readonly N[], makers: ReadonlyMap<string, N>): N[] {
  const sorted = new Set<N>()
  for (const root of nodes) {
    const open = new Map<N, Iterator<string>>()
    const stack = [root]
    while (stack.length) {
      const node = stack.at(-1)!
      if (!open.has(node)) open.set(node, node.inputs[Symbol.iterator]())
      const { value, done } = sorted.has(node) ? { value: undefined, done: true } : open.get(node)!.next()
      const maker = makers.get(value ?? '')
      if (done) sorted.add(stack.pop()!)
      else if (maker && !sorted.has(maker)) {
        if (open.has(maker)) throw bad(path, `has a cycle: ${cycle(stack, maker)}`)
        stack.push(maker)
      }
    }
  }
  return [...sorted]
}

function cycle(stack: readonly Node[], start: Node): string {
  const round = [...stack.slice(stack.indexOf(start)).reverse(), stack.at(-1)!].map(({ name }) => quote(name))
  return (round.length > 6 ? [...round.slice(0, 3), '…', ...round.slice(-2)] : round).join(' → ')
}

const bad = (path: string, what: string) => new UserError(`${path} ${what}`, 'weights')
