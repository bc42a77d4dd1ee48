import { canGuide, GUIDED } from '../color/guided.ts'
import { bands, type Lightness } from '../color/photo.ts'
import { centresAmong } from '../color/resample.ts'
import type { Gpu } from '../device/gpu.ts'
import { type Executor, Variables } from '../graph/execute.ts'
import { Graph } from '../graph/graph.ts'
import type { Size } from '../rect.ts'
import { CellLightness } from './cell-lightness.ts'
import { executorOf } from './executor.ts'

/** Rows `first` to `last` of a picture. */
export interface Band {
  readonly first: number
  readonly last: number
  /** [rows, width] */
  readonly L: Float32Array
  /** [rows, width, 2] */
  readonly colours: Float32Array
}

/** The guided filter of `color/guided.ts` on the GPU: the plans that enlarge colours of one size to one other size. */
export class Enlargement {
  private constructor(
    private readonly means: CellLightness | null,
    private readonly fit: Executor,
    private readonly apply: Executor,
    private readonly lines: Variables,
    private readonly rows: Float32Array,
  ) {}

  static async create(gpu: Gpu, photo: Size, small: Size): Promise<Enlargement> {
    const guides = canGuide(small, photo)
    const lines = new Variables(gpu)
    lines.set('lines', new Float32Array(4 * small.width * small.height))
    return new Enlargement(
      guides ? await CellLightness.create(gpu, photo, small) : null,
      await executorOf(gpu, fitGraph(small), lines),
      await executorOf(gpu, applyGraph(photo, small), lines),
      lines,
      Float32Array.from(centresAmong(small.height, photo.height)),
    )
  }

  /**
   * The bands of `photo`, which has the size that the plans were made for, in their order.
   * @param ab colours of the cells, [height, width, 2]
   */
  async *run(photo: Lightness, ab: Float32Array): AsyncGenerator<Band> {
    this.lines.set('lines', await this.#fit(photo, ab))
    let before: Promise<Band> | null = null
    for (const { first, last } of bands(photo)) {
      const band = this.#apply(photo, first, last)
      band.catch(() => {}) // it is told when its turn comes
      // the GPU computes this band while the caller works on the one before it
      if (before) yield await before
      before = band
    }
    yield await before!
  }

  /** Slopes and offsets for each cell; without a guide the slopes are 0 and the offsets the colours. */
  async #fit(photo: Lightness, ab: Float32Array): Promise<Float32Array> {
    if (!this.means) return flatLines(ab)
    this.fit.upload('L', await this.means.of(photo))
    this.fit.upload('ab', ab)
    const [lines] = await this.fit.run(['lines'])
    return lines!
  }

  async #apply(photo: Lightness, first: number, last: number): Promise<Band> {
    const { width } = photo
    const { shape } = this.apply.plan.inputs.get('L')!
    const L = new Float32Array(shape[1]! * width)
    L.set(await photo.rows(first, last))
    const rows = new Float32Array(shape[1]!)
    rows.set(this.rows.subarray(first, last))
    this.apply.upload('L', L)
    this.apply.upload('rows', rows)
    const [ab] = await this.apply.run(['ab'])
    const pixels = (last - first) * width
    return { first, last, L: L.subarray(0, pixels), colours: ab!.subarray(0, 2 * pixels) }
  }

  destroy(): void {
    this.means?.destroy()
    this.fit.destroy()
    this.apply.destroy()
    this.lines.destroy()
  }
}

/** Lines of slope 0 through the colours. */
const flatLines = (ab: Float32Array) =>
  Float32Array.from({ length: 2 * ab.length }, (_, i) =>
    i % 4 < 2 ? 0 : ab[2 * Math.floor(i / 4) + (i % 2)]!,
  )

function fitGraph({ width, height }: Size): Graph {
  const { radius, epsilon } = GUIDED
  const graph = new Graph()
  const ab = graph.input('ab', [1, height, width, 2])
  const L = graph.input('L', [1, height, width, 1])
  const lines = graph.op('guidedFit', [ab, L], { radius, epsilon })
  const side = 2 * radius + 1
  const window = { kernel: [side, side], stride: [1, 1], dilation: [1, 1] } as const
  const padding = [radius, radius, radius, radius] as const
  const options = { kind: 'average', ceilMode: false, countIncludePad: false, padding } as const
  graph.output('lines', graph.op('pool2d', [lines], { ...window, ...options }))
  return graph
}

/** For one band of the picture. */
function applyGraph(photo: Size, small: Size): Graph {
  const { last } = bands(photo).next().value!
  const graph = new Graph()
  const lines = graph.variable('lines', [1, small.height, small.width, 4])
  const L = graph.input('L', [1, last, photo.width, 1])
  const rows = graph.input('rows', [last])
  const columns = graph.constant(Float32Array.from(centresAmong(small.width, photo.width)), [photo.width])
  graph.output('ab', graph.op('guidedApply', [lines, L, rows, columns], {}))
  return graph
}
