import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { PORTABLE } from '../src/device/traits.ts'
import { BindingLimitError, compile, type Plan } from '../src/graph/compile.ts'
import { Graph } from '../src/graph/graph.ts'
import { storageBytes } from '../src/graph/memory.ts'
import type { Place } from '../src/graph/places.ts'
import { assignSlots } from '../src/graph/slots.ts'
import { conv2dDefaults as CONV } from '../src/kernels/conv/conv2d.ts'
import { SUBGROUP_LANES } from '../src/kernels/conv/convGeometry.ts'
import { getOp } from '../src/kernels/index.ts'
import type { PackAttrs } from '../src/kernels/movement/pack.ts'
import type { ViewAttrs } from '../src/kernels/movement/view.ts'
import { elems, type Tensor } from '../src/kernels/op.ts'
import { inferenceGraph, trainingGraph } from '../src/model/graphs.ts'
import { reportNetwork } from '../src/model/report/index.ts'
import { seeded } from './harness.ts'
import { smallTraining } from './small-training.ts'

const NO_LIMIT = Number.POSITIVE_INFINITY
const compiled = (graph: Graph) => compile(graph, NO_LIMIT)

/**
 * Runs a plan on memory that holds, instead of numbers, which element of which tensor was written there. Every read
 * must find the elements that the graph means: that is all a planner has to promise, and it says nothing of how.
 */
class SymbolicMachine {
  readonly #memory = new Map<string, Int32Array>()
  readonly #ids = new Map<Tensor, Int32Array>()
  /** What the preparation left, by place. */
  readonly #prepared = new Map<string, Int32Array>()
  #nextId = 1

  constructor(
    readonly graph: Graph,
    readonly plan: Plan,
  ) {
    for (const tensor of graph.tensors()) {
      const origin = graph.origin(tensor)
      if (origin.kind !== 'node') this.#ids.set(tensor, this.#fresh(tensor))
      if (origin.kind === 'input') this.#write(plan.inputs.get(origin.name)!, tensor)
      if (origin.kind === 'variable') this.#write(this.#wholeVariable(tensor, origin.name), tensor)
    }
    for (const { place, data } of plan.constants) this.#write(place, this.#constantOf(data))
    for (const { node, dispatch, places } of plan.preparation) {
      for (const [i, ref] of dispatch.bindings.entries()) {
        if (ref.from !== 'output') continue
        this.#ids.set(node.outputs[ref.index]!, this.#fresh(node.outputs[ref.index]!))
        this.#write(places[i]!, node.outputs[ref.index]!)
      }
      for (const place of places.filter((_, i) => dispatch.bindings[i]!.from === 'scratch')) {
        const ids = this.#at(place).map(() => this.#nextId++)
        this.#at(place).set(ids)
        this.#prepared.set(JSON.stringify(place), ids)
      }
    }
  }

  run(): void {
    for (const node of this.graph.nodes) {
      const steps = this.plan.steps.filter((step) => step.node.id === node.id)
      if (!steps.length && this.plan.preparation.some((step) => step.node.id === node.id)) continue
      for (const { dispatch, places } of steps) {
        for (const [i, ref] of dispatch.bindings.entries()) {
          if (ref.from === 'input') this.#expect(places[i]!, node.inputs[ref.index]!, node.label)
        }
        for (const [i, ref] of dispatch.bindings.entries())
          if (ref.from === 'scratch') this.#useScratch(places[i]!, node.label)
      }
      const inPlace = getOp(node.op).inPlace ?? []
      const outputs = this.plan.nodeOutputs.get(node.id)
      for (const [i, tensor] of node.outputs.entries()) {
        const operand = inPlace[i] ?? null
        if (outputs && operand !== null) this.#expect(outputs[i]!, node.inputs[operand]!, node.label)
        this.#ids.set(tensor, this.#idsOf(node.id, tensor))
        if (outputs && steps.length) this.#write(outputs[i]!, tensor)
      }
    }
    for (const [name, tensor] of this.graph.outputs) {
      this.#expect(this.plan.outputs.get(name)!, tensor, `graph output ${name}`)
    }
    for (const { node } of this.plan.preparation) {
      const kept = this.plan.steps.some((step) => step.node.id === node.id) ? [] : node.outputs
      for (const [i, tensor] of kept.entries())
        this.#expect(this.plan.nodeOutputs.get(node.id)![i]!, tensor, 'the next run')
    }
  }

  /** A view's elements are its source's, a pack's those of its inputs (0 between them); others are new. */
  #idsOf(nodeId: number, tensor: Tensor): Int32Array {
    const { op, inputs, attrs } = this.graph.nodes[nodeId]!
    const size = elems(this.graph.spec(tensor))
    const { alias } = getOp(op)
    if (alias === 'view') {
      const { offset } = attrs as ViewAttrs
      return this.#ids.get(inputs[0]!)!.slice(offset, offset + size)
    }
    if (alias !== 'pack') return this.#fresh(tensor)
    const ids = new Int32Array(size)
    for (const [i, input] of inputs.entries())
      ids.set(this.#ids.get(input)!, (attrs as PackAttrs).offsets[i]!)
    return ids
  }

  #fresh(tensor: Tensor): Int32Array {
    return new Int32Array(elems(this.graph.spec(tensor))).map(() => this.#nextId++)
  }

  #constantOf(data: Float32Array): Tensor {
    const found = [...this.graph.tensors()].find((t) => {
      const origin = this.graph.origin(t)
      return origin.kind === 'constant' && origin.data === data
    })
    return found!
  }

  #wholeVariable(tensor: Tensor, name: string): Place {
    return {
      buffer: { variable: name },
      offsetBytes: 0,
      sizeBytes: storageBytes(elems(this.graph.spec(tensor))),
    }
  }

  #at(place: Place): Int32Array {
    const key = Object.entries(place.buffer).join()
    let memory = this.#memory.get(key)
    if (!memory) {
      const bytes = 'slot' in place.buffer ? this.plan.slotBytes[place.buffer.slot]! : place.sizeBytes
      memory = new Int32Array(bytes / 4)
      this.#memory.set(key, memory)
    }
    expect(place.offsetBytes + place.sizeBytes, `${key} is too small`).toBeLessThanOrEqual(memory.length * 4)
    return memory.subarray(place.offsetBytes / 4, (place.offsetBytes + place.sizeBytes) / 4)
  }

  /** Kernels may write anything into the rest of the last vec4. */
  #write(place: Place, tensor: Tensor): void {
    const memory = this.#at(place)
    memory.fill(-1)
    memory.set(this.#ids.get(tensor)!)
  }

  #useScratch(place: Place, reader: string): void {
    const prepared = this.#prepared.get(JSON.stringify(place))
    const memory = this.#at(place)
    if (!prepared) memory.fill(-1)
    else if (prepared.some((id, i) => id !== memory[i])) throw new Error(`what ${reader} prepared is lost`)
  }

  #expect(place: Place, tensor: Tensor, reader: string): void {
    const memory = this.#at(place)
    const lost = this.#ids.get(tensor)!.findIndex((id, i) => id !== 0 && id !== memory[i])
    if (lost >= 0)
      throw new Error(`${reader} reads element ${lost} of tensor ${tensor} after it was overwritten`)
  }
}

/** WebGPU refuses a dispatch that binds one buffer both to read and to write. */
function expectNoReadWriteClash(plan: Plan): void {
  for (const { dispatch, places, node } of [...plan.preparation, ...plan.steps]) {
    const key = (i: number) => JSON.stringify(places[i]!.buffer)
    const of = (from: string) => dispatch.bindings.flatMap((ref, i) => (ref.from === from ? [key(i)] : []))
    const written = new Set([...of('output')])
    for (const read of of('input'))
      expect(written.has(read), `${node.label} reads and writes ${read}`).toBe(false)
    expect(of('scratch').filter((s) => written.has(s))).toEqual([])
  }
}

/** A random graph of elementwise nodes, views, packs and in-place updates; some tensors are read much later. */
function randomGraph(seed: number): Graph {
  const graph = new Graph()
  const random = seeded(`graph ${seed}`)
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!
  const size = 64 * (1 + Math.floor(random() * 3)) + Math.floor(random() * 5)
  const x = graph.input('x', [size])
  const live: Tensor[] = [x, graph.constant(new Float32Array(size), [size]), graph.variable('w', [size])]
  const same = (shape: readonly number[]) => live.filter((t) => String(graph.shape(t)) === String(shape))
  for (let i = 0; i < 30; i++) {
    const a = pick(live)
    const choice = random()
    if (choice < 0.35) live.push(graph.op('relu', [a], {}))
    else if (choice < 0.7) live.push(graph.op('binary', [a, pick(same(graph.shape(a)))], { kind: 'add' }))
    else if (choice < 0.8 && elems(graph.spec(a)) > 64) {
      live.push(graph.op('view', [a], { offset: 64, shape: [elems(graph.spec(a)) - 64] }))
    } else if (choice < 0.9) live.push(graph.op('mse', [a, pick(same(graph.shape(a)))], {}))
    else {
      const parts = [graph.op('relu', [a], {}), graph.op('scale', [pick(live)], { factor: 2 })]
      const second = Math.ceil(elems(graph.spec(parts[0]!)) / 64) * 64
      const length = second + elems(graph.spec(parts[1]!))
      live.push(graph.op('pack', parts, { offsets: [0, second], length }), ...parts)
    }
  }
  for (let i = 0; i < 3; i++) graph.output(`y${i}`, pick(live.slice(3)))
  const last = pick(same([size]))
  const state = graph.variable('state', [size])
  graph.op('lerp', [state, last, graph.constant(Float32Array.of(0.5), [1])], {})
  return graph
}

describe('the planner', () => {
  it.each(Array.from({ length: 60 }, (_, i) => i))(
    'keeps every tensor until its last reader: random graph %i',
    (seed) => {
      const graph = randomGraph(seed)
      const plan = compiled(graph)
      new SymbolicMachine(graph, plan).run()
      expectNoReadWriteClash(plan)
    },
  )

  it('keeps a training graph right, and its memory below what every tensor of its own would take', () => {
    const graph = smallTraining()
    const plan = compiled(graph)
    new SymbolicMachine(graph, plan).run()
    expectNoReadWriteClash(plan)
    const total = plan.slotBytes.reduce((a, b) => a + b, 0)
    const all = [...graph.tensors()].reduce((sum, t) => sum + storageBytes(elems(graph.spec(t))), 0)
    expect(total).toBeLessThan(all * 0.8)
  })

  it('drops nodes that nothing needs', () => {
    const graph = new Graph()
    const x = graph.input('x', [8])
    graph.op('relu', [x], {})
    graph.output('y', graph.op('scale', [x], { factor: 2 }))
    expect(compiled(graph).steps.map((step) => step.node.op)).toEqual(['scale'])
  })

  it('lets a chain of nodes reuse two buffers', () => {
    const graph = new Graph()
    let x = graph.input('x', [256])
    for (let i = 0; i < 10; i++) x = graph.op('relu', [x], {})
    graph.output('y', x)
    expect(compiled(graph).slotBytes).toEqual([1024, 1024])
  })

  it('places disjoint lifetimes together, overlapping ones beside each other, and clashing ones apart', () => {
    const items = [
      { bytes: 1024, first: 0, last: 3 },
      { bytes: 500, first: 4, last: 6 },
      { bytes: 304, first: 5, last: 6 },
      { bytes: 300, first: 5, last: 6, clashes: new Set([2]) },
      { bytes: 300, first: 6, last: 7 },
    ]
    const { places, slotBytes } = assignSlots(items)
    expect(places.map(({ slot, offsetBytes }) => [slot, offsetBytes])).toEqual([
      [0, 0],
      [0, 0],
      [0, 512], // at a multiple of 256
      [1, 0],
      [2, 0], // behind the third one there is no room, nor beside the fourth
    ])
    expect(slotBytes).toEqual([1024, 300, 300])
  })
})

describe('what only weights go into', () => {
  const layers = () => {
    const graph = new Graph()
    let x = graph.input('x', [1, 12, 12, 64])
    for (const name of ['v', 'w']) x = graph.op('conv2d', [x, graph.variable(name, [3, 3, 64, 64])], CONV)
    graph.output('y', x)
    return graph
  }
  const prepared = ({ preparation }: Plan) => preparation.map(({ dispatch }) => dispatch.shader)

  it('is done once and kept over all runs', () => {
    const graph = layers()
    const plan = compiled(graph)
    expect(prepared(plan)).toEqual(['winograd_weight', 'winograd_weight'])
    const machine = new SymbolicMachine(graph, plan)
    machine.run()
    expectNoReadWriteClash(plan)
  })

  it('is kept as well where it is a tensor of the graph', () => {
    const graph = new Graph()
    let x = graph.input('x', [1, 12, 12, 8])
    for (const name of ['v', 'w']) {
      const phases = graph.op('phaseWeight', [graph.variable(name, [3, 3, 8, 8])], {})
      const z = graph.op('conv2d', [x, phases], { ...CONV, padding: [1, 1, 1, 1] })
      x = graph.op('interleave', [z], { activation: 'none' })
    }
    graph.output('y', x)
    const plan = compiled(graph)
    expect(prepared(plan)).toEqual(['phase_weight', 'phase_weight'])
    new SymbolicMachine(graph, plan).run()
    expectNoReadWriteClash(plan)
  })

  it('is done in each run of a plan that changes variables, and where that is asked for', () => {
    const graph = layers()
    expect(prepared(compile(graph, NO_LIMIT, PORTABLE, { everyRun: true }))).toEqual([])
    const seen = graph.input('seen', [4])
    graph.op('lerp', [graph.variable('state', [4]), seen, graph.constant(Float32Array.of(0.1), [1])], {})
    expect(prepared(compiled(graph))).toEqual([])
  })
})

describe('in-place updates', () => {
  const lateReader = (read: (graph: Graph, state: Tensor) => void) => {
    const graph = new Graph()
    const state = graph.variable('state', [128])
    const early = graph.op('view', [state], { offset: 64, shape: [64] })
    const seen = graph.input('seen', [128])
    graph.scope('update', () =>
      graph.op('lerp', [state, seen, graph.constant(Float32Array.of(0.5), [1])], {}),
    )
    graph.scope('late', () => read(graph, early))
    return graph
  }

  it('are refused when a later node reads the old value', () => {
    const graph = new Graph()
    const state = graph.variable('state', [64])
    graph.scope('update', () =>
      graph.op('lerp', [state, graph.input('seen', [64]), graph.constant(Float32Array.of(0.5), [1])], {}),
    )
    graph.scope('late', () => graph.output('y', graph.op('relu', [state], {})))
    expect(() => compiled(graph)).toThrow('late reads a tensor that update has overwritten in place')
  })

  it('are refused when an output is the old value', () => {
    const graph = new Graph()
    const state = graph.variable('state', [64])
    graph.output('old', state)
    graph.scope('update', () =>
      graph.op('lerp', [state, graph.input('seen', [64]), graph.constant(Float32Array.of(0.5), [1])], {}),
    )
    expect(() => compiled(graph)).toThrow('output old reads a tensor that update has overwritten in place')
  })

  it('are refused when a later node reads the old value through a view', () => {
    const graph = lateReader((g, view) => g.output('y', g.op('relu', [view], {})))
    expect(() => compiled(graph)).toThrow('late reads a tensor that update has overwritten in place')
  })
})

describe('a tensor above the binding limit', () => {
  it('is refused in one sentence with the layer, the need and the limit', () => {
    const graph = new Graph()
    const x = graph.input('x', [1024, 1024])
    graph.output(
      'y',
      graph.scope('encoder.conv1', () => graph.op('relu', [x], {})),
    )
    const compileSmall = () => compile(graph, 2 ** 20)
    expect(compileSmall).toThrow(BindingLimitError)
    expect(compileSmall).toThrow(
      'layer encoder.conv1: a tensor [1024×1024] needs 4.0 MiB, but the adapter binds at most 1.0 MiB at once',
    )
    compile(graph, 4 * 2 ** 20)
  })
})

it('takes as much for the network as docs/kernels.md says', () => {
  const [network, image] = [
    reportNetwork({ classes: 1000, width: 1 }),
    { batch: 1, height: 224, width: 224 },
  ] as const
  const [step, colouring] = [trainingGraph(network, image), inferenceGraph(network, image)].map((graph) => {
    const plan = compile(graph, 2 ** 27, { ...PORTABLE, subgroupLanes: SUBGROUP_LANES })
    const mib = Math.round(plan.slotBytes.reduce((sum, bytes) => sum + bytes, 0) / 2 ** 20)
    return {
      mib,
      buffers: plan.slotBytes.length,
      dispatches: plan.steps.length,
      once: plan.preparation.length,
    }
  })
  const text = readFileSync(new URL('../docs/kernels.md', import.meta.url), 'utf8').replace(/\s+/g, ' ')
  expect(text).toContain(`a training step takes ${step!.mib} MiB in ${step!.buffers} buffers`)
  expect(text).toContain(`A colouring takes ${colouring!.mib} MiB in ${colouring!.buffers}`)
  expect(text).toContain(`a colouring is ${colouring!.dispatches} dispatches after ${colouring!.once} that`)
  expect(text).toContain(`a training step is ${step!.dispatches} dispatches`)
})
