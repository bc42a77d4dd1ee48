import { BAND_PIXELS, type Lightness } from '../color/photo.ts'
import type { Gpu } from '../device/gpu.ts'
import type { Executor } from '../graph/execute.ts'
import { Graph } from '../graph/graph.ts'
import { cellEdges } from '../kernels/enlarge/cellMeans.ts'
import type { Size } from '../rect.ts'
import { executorOf } from './executor.ts'

/** Computes the mean L* of the pixels whose centres lie in each cell of a grid, in bands that hold whole cells. */
export class CellLightness {
  private constructor(
    private readonly means: Executor,
    private readonly grid: Size,
    private readonly edges: Float32Array,
    private readonly cellRows: number,
  ) {}

  static async create(gpu: Gpu, photo: Size, grid: Size): Promise<CellLightness> {
    const edges = cellEdges(grid.height, photo.height)
    const highest = Math.ceil(photo.height / grid.height)
    const cellRows = Math.min(grid.height, Math.max(1, Math.floor(BAND_PIXELS / photo.width / highest)))
    const graph = new Graph()
    const L = graph.input('L', [1, Math.min(photo.height, cellRows * highest), photo.width, 1])
    const rows = graph.input('rows', [cellRows + 1])
    const columns = graph.constant(cellEdges(grid.width, photo.width), [grid.width + 1])
    graph.output('means', graph.op('cellMeans', [L, rows, columns], {}))
    return new CellLightness(await executorOf(gpu, graph), grid, edges, cellRows)
  }

  /** [height, width] of the grid, where `photo` has the size that the plan was made for. */
  async of(photo: Lightness): Promise<Float32Array> {
    const { width, height } = this.grid
    const { shape } = this.means.plan.inputs.get('L')!
    const means = new Float32Array(width * height)
    for (let row = 0; row < height; row += this.cellRows) {
      const end = Math.min(row + this.cellRows, height)
      const [first, last] = [this.edges[row]!, this.edges[end]!]
      const L = new Float32Array(shape[1]! * photo.width)
      L.set(await photo.rows(first, last))
      // rows behind the last one are of no cell
      const rows = new Float32Array(this.cellRows + 1).fill(last - first)
      rows.set(this.edges.subarray(row, end + 1).map((edge) => edge - first))
      this.means.upload('L', L)
      this.means.upload('rows', rows)
      const [band] = await this.means.run(['means'])
      means.set(band!.subarray(0, (end - row) * width), row * width)
    }
    return means
  }

  destroy(): void {
    this.means.destroy()
  }
}
