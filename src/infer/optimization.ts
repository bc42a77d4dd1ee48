/**
 * Colours that change where the lightness does, and hardly elsewhere: by Levin, Lischinski and Weiss 2004, "Colorization
 * using optimization". Of all colours U those are looked for that make
 *
 *   Σ k(r,s) (U(r) − U(s))² over neighbours + strength · Σ (U(r) − start(r))² over pixels
 *
 * least, where some pixels may have colours that are known; k is that of the operator `affinities`. This is a linear system,
 * solved by conjugate gradients.
 */

import type { SmallAb } from '../color/guided.ts'
import { centresAmong } from '../color/resample.ts'
import type { Gpu } from '../device/gpu.ts'
import { Variables } from '../graph/execute.ts'
import { Graph } from '../graph/graph.ts'
import { product } from '../numbers.ts'
import type { Size } from '../rect.ts'
import { executorOf } from './executor.ts'

export const AFFINITY = { share: 0.2, noise: 2, least: 1e-4 }
/** In ab units. */
const TOLERANCE = 1e-3
const MAX_STEPS = 500
/** Steps between two looks at what is left. */
const STEPS_AT_ONCE = 10

export interface ColourProblem extends Size {
  /** Lightness, [height, width] */
  readonly L: Float32Array
  /** The colours to begin with, and to hold to; enlarged bilinearly. */
  readonly start: SmallAb
  readonly strength: number
  /** 1 where the colour is looked for, 0 where it is fixed, [height, width]; 1 everywhere by default. */
  readonly free?: Float32Array
  /** The colours of what is fixed, 0 elsewhere, [height, width, 2]. */
  readonly known?: Float32Array
}

export interface StopRule {
  /** How far, in ab units, a pixel may be from what its neighbours and its target want: root mean square over pixels. */
  readonly tolerance?: number
  readonly maxSteps?: number
}

/**
 * Solves the system of this file's head.
 * @returns the colours, [height, width, 2], the steps that were taken, and how far pixels are from what is wanted, as `tolerance`
 */
export async function solveColours(
  gpu: Gpu,
  problem: ColourProblem,
  { tolerance = TOLERANCE, maxSteps = MAX_STEPS }: StopRule = {},
): Promise<{ colours: SmallAb; steps: number; left: number }> {
  const { width, height } = problem
  const variables = new Variables(gpu)
  for (const [name, shape] of Object.entries(stateShapes(problem)))
    variables.set(name, new Float32Array(product(shape)))
  try {
    await begin(gpu, variables, problem)
    const found = await descend(gpu, variables, problem, { tolerance, maxSteps })
    return { colours: { ab: await variables.get('x'), width, height }, ...found }
  } finally {
    variables.destroy()
  }
}

/** What the steps work on: see `conjugateGradient`. */
function stateShapes({ width, height }: Size) {
  const image = (channels: number) => [1, height, width, channels]
  return { x: image(2), r: image(2), p: image(2), rz: [2], weights: image(4), diagonal: image(1) }
}

type State = ReturnType<typeof stateShapes>
const variableOf = (graph: Graph, size: Size, name: keyof State) =>
  graph.variable(name, stateShapes(size)[name])

/** Writes the matrix, the colours to begin with, and what is missing. */
async function begin(gpu: Gpu, variables: Variables, problem: ColourProblem): Promise<void> {
  const { width, height, L, start, strength } = problem
  const { free = new Float32Array(width * height).fill(1), known = new Float32Array(2 * width * height) } =
    problem
  const executor = await executorOf(gpu, beginGraph(problem, start, strength), variables)
  try {
    executor.upload('L', L)
    executor.upload('free', free)
    executor.upload('known', known)
    executor.upload('start', start.ab)
    await executor.run()
  } finally {
    executor.destroy()
  }
}

function beginGraph(size: Size, small: Size, strength: number): Graph {
  const { width, height } = size
  const graph = new Graph()
  const L = graph.input('L', [1, height, width, 1])
  const free = graph.input('free', [1, height, width, 1])
  const known = graph.input('known', [1, height, width, 2])
  const start = graph.input('start', [1, small.height, small.width, 2])
  const rows = graph.constant(Float32Array.from(centresAmong(small.height, height)), [height])
  const columns = graph.constant(Float32Array.from(centresAmong(small.width, width)), [width])
  const enlarged = graph.op('resize', [start, rows, columns], { mode: 'linear' })
  const held = graph.op('binary', [enlarged, free], { kind: 'mul' })
  const x = graph.op('binary', [held, known], { kind: 'add' })
  const [weights, diagonal] = graph.all('affinities', [L, free], { ...AFFINITY, strength })
  const wanted = graph.op('scale', [held], { factor: strength })
  const got = graph.op('laplacian', [x, weights!, diagonal!], {})
  const r = graph.op('binary', [wanted, got], { kind: 'sub' })
  const whole = graph.constant(Float32Array.of(1), [1])
  const results = { x, r, weights: weights!, diagonal: diagonal! }
  for (const [name, value] of Object.entries(results))
    graph.op('lerp', [variableOf(graph, size, name as keyof State), value, whole], {})
  return graph
}

function stepGraph(size: Size): Graph {
  const graph = new Graph()
  const [x, r, p, rz, weights, diagonal] = Object.keys(stateShapes(size)).map((name) =>
    variableOf(graph, size, name as keyof State),
  )
  const Ap = graph.op('laplacian', [p!, weights!, diagonal!], {})
  graph.all('conjugateGradient', [x!, r!, p!, rz!, Ap, diagonal!], {})
  return graph
}

/** Takes steps until little is left, or enough of them. */
async function descend(
  gpu: Gpu,
  variables: Variables,
  size: Size,
  { tolerance, maxSteps }: Required<StopRule>,
): Promise<{ steps: number; left: number }> {
  const executor = await executorOf(gpu, stepGraph(size), variables)
  try {
    // the first step only finds the direction
    await executor.run()
    const leftNow = async () =>
      Math.sqrt(Math.max(...(await variables.get('rz'))) / (size.width * size.height))
    let [steps, left] = [0, await leftNow()]
    while (left > tolerance && steps < maxSteps) {
      const count = Math.min(STEPS_AT_ONCE, maxSteps - steps)
      for (let i = 0; i < count; i++) await executor.run()
      steps += count
      left = await leftNow()
    }
    return { steps, left }
  } finally {
    executor.destroy()
  }
}
