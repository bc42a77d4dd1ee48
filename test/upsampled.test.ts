import { expect, it } from 'vitest'
import { backward } from '../src/autograd/backward.ts'
import { Graph } from '../src/graph/graph.ts'
import { elems, type Tensor } from '../src/kernels/op.ts'
import { asPhases, asWritten, convolveUpsampled } from '../src/model/report/upsampled.ts'
import { draw, referenceValues, seeded } from './harness.ts'

type Build = typeof asPhases

/** What `build` makes of x [N,H,W,C], a weight to K channels and a bias: the result, a loss of it, its gradients to all three. */
function computed(build: Build, [N, H, W, C]: readonly number[], K: number): Float64Array[] {
  const graph = new Graph()
  const random = seeded(`upsampled ${N} ${H} ${W} ${C} ${K}`)
  const values = new Map<string, Float32Array>()
  const input = (name: string, ...shape: number[]): Tensor => {
    values.set(name, draw(elems({ shape }), 'normal', random))
    return graph.input(name, shape)
  }
  const operands = [input('x', N!, H!, W!, C!), input('w', 3, 3, C!, K), input('b', K)] as const
  const y = build(graph, operands, { activation: 'relu' })
  const loss = graph.op('mse', [y, input('target', N!, 2 * H!, 2 * W!, K)], {})
  const wanted = [y, loss, ...backward(graph, loss, operands)]
  for (const [i, tensor] of wanted.entries()) graph.output(`${i}`, tensor)
  const all = referenceValues(graph, values)
  return wanted.map((tensor) => all.get(tensor)!)
}

it.each([
  [[1, 1, 1, 1], 1],
  [[2, 5, 7, 3], 2],
  [[3, 4, 1, 4], 8],
] as const)(
  'phases of %j to %i channels are the convolution behind the upsampling, forward and backward',
  (x, K) => {
    const [ours, plain] = [computed(asPhases, x, K), computed(asWritten, x, K)]
    for (const [i, want] of plain.entries()) {
      expect(ours[i]!.length).toBe(want.length)
      expect(Math.max(...want.map(Math.abs))).toBeGreaterThan(0.01)
      expect(Math.max(...want.map((value, at) => Math.abs(value - ours[i]![at]!)))).toBeLessThan(1e-12)
    }
  },
)

it('takes phases where layers are narrow', () => {
  const takes = (C: number, K: number) => {
    const graph = new Graph()
    const operands = [
      graph.input('x', [1, 4, 4, C]),
      graph.input('w', [3, 3, C, K]),
      graph.input('b', [K]),
    ] as const
    convolveUpsampled(graph, operands, { activation: 'none' })
    return graph.nodes.map(({ op }) => op).join(' ')
  }
  expect(takes(64, 32)).toBe('phaseWeight conv2d interleave')
  expect(takes(128, 64)).toBe('upsample conv2d')
})
