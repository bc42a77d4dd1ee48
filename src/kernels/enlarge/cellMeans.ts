import { ceilDiv, elems, expectRanks, grid, input, type Op, output, ShapeError } from '../op.ts'

/**
 * [x [N,H,W,C], rows [OH+1], columns [OW+1]] → y [N,OH,OW,C]: the means over cells of an image, whose first rows and columns
 * are whole numbers. Cell (oh, ow) holds the pixels from rows[oh] and columns[ow] on, up to those where the next one begins; what
 * lies outside the image does not count, and the mean of no pixels is 0. Not differentiable.
 */
export const cellMeans: Op<object> = {
  name: 'cellMeans',

  infer(inputs) {
    expectRanks('cellMeans', inputs, [4, 1, 1])
    const [N, , , C] = inputs[0]!.shape
    const [OH, OW] = [inputs[1]!.shape[0]! - 1, inputs[2]!.shape[0]! - 1]
    if (OH < 1 || OW < 1) throw new ShapeError('cellMeans', 'a cell needs a beginning and an end', inputs)
    return [{ shape: [N!, OH, OW, C!] }]
  },

  kernels([x], [y]) {
    const [, H, W, C] = x!.shape as [number, number, number, number]
    const [, OH, OW] = y!.shape as [number, number, number, number]
    const params = { elems: elems(y!), H, W, C, OH, OW }
    const bindings = [input(0), input(1), input(2), output(0)]
    return [{ shader: 'cell_means', params, bindings, workgroups: grid(ceilDiv(elems(y!), 64)) }]
  },

  reference([x, rows, columns], [spec]) {
    const [N, H, W, C] = spec!.shape as [number, number, number, number]
    const [OH, OW] = [rows!.length - 1, columns!.length - 1]
    const sums = new Float64Array(N * OH * OW * C)
    const counts = new Float64Array(sums.length)
    x!.forEach((value, i) => {
      const [c, v, h] = [i % C, Math.floor(i / C) % W, Math.floor(i / C / W) % H]
      const n = Math.floor(i / C / W / H)
      for (const oh of cellsWith(h, rows!)) {
        for (const ow of cellsWith(v, columns!)) {
          sums[((n * OH + oh) * OW + ow) * C + c]! += value
          counts[((n * OH + oh) * OW + ow) * C + c]!++
        }
      }
    })
    return [sums.map((sum, i) => sum / Math.max(counts[i]!, 1))]
  },
}

const cellsWith = (at: number, edges: Float64Array) =>
  Array.from({ length: edges.length - 1 }, (_, i) => i).filter((i) => edges[i]! <= at && at < edges[i + 1]!)

/** For each of `cells` cells of an axis of `pixels` pixels the first one whose centre lies in it, and where the last one ends. */
export const cellEdges = (cells: number, pixels: number): Float32Array =>
  Float32Array.from({ length: cells + 1 }, (_, i) => Math.ceil((i * pixels) / cells - 0.5))
