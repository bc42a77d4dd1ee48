/** How unlike two pictures look to a pretrained classifier (after Johnson, Alahi and Fei-Fei 2016, "Perceptual losses"). */
import type { Graph } from '../graph/graph.ts'
import type { Tensor } from '../kernels/op.ts'
import type { Trunk } from './trunk.ts'

/**
 * Mean over the trunk's taps of mean (f(painted) − f(original))² ⁄ mean f(original)², [1]. Differentiable by `ab`; the trunk stays
 * as its file has it, also where a network fine-tunes it.
 * @param picture `L` [N,H,W,1], see the inputs in `network.ts`; `ab` [N,h,w,2], which is enlarged bilinearly, and the
 *   original's `target` [N,H,W,2], both in ab units
 */
export function perceptualLoss(
  graph: Graph,
  trunk: Trunk,
  { L, ab, target }: { readonly L: Tensor; readonly ab: Tensor; readonly target: Tensor },
): Tensor {
  const [, height, width] = graph.shape(L) as [number, number, number, number]
  const [painted, original] = [enlarged(graph, ab, height, width), target].map((colours) =>
    trunk.build(graph, graph.op('labToSrgb', [L, colours], {})),
  )
  const distances = original!.map((tap, i) => {
    const squares = graph.op('binary', [tap, tap], { kind: 'mul' })
    const size = graph.op('reduce', [squares], { kind: 'mean', axes: [0, 1, 2, 3], keepDims: false })
    const distance = graph.op('mse', [painted![i]!, tap], {})
    return graph.op('binary', [distance, graph.op('view', [size], { offset: 0, shape: [1] })], {
      kind: 'div',
    })
  })
  const sum = distances.reduce((a, b) => graph.op('binary', [a, b], { kind: 'add' }))
  return graph.op('scale', [sum], { factor: 1 / distances.length })
}

function enlarged(graph: Graph, x: Tensor, height: number, width: number): Tensor {
  const [, h, w] = graph.shape(x) as [number, number, number, number]
  if (h === height && w === width) return x
  const positions = (from: number, to: number) =>
    graph.constant(
      Float32Array.from({ length: to }, (_, i) => ((i + 0.5) * from) / to - 0.5),
      [to],
    )
  return graph.op('resize', [x, positions(h, height), positions(w, width)], { mode: 'linear' })
}
