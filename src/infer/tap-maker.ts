/** What a trunk sees of pictures, for those that are to be shown to a network many times. */
import type { Gpu } from '../device/gpu.ts'
import { compile } from '../graph/compile.ts'
import { Executor, Variables } from '../graph/execute.ts'
import { Graph } from '../graph/graph.ts'
import { elems } from '../kernels/op.ts'
import { looking, TAP_INPUTS, type TapRange, type Trunk, type TrunkName, tapShapes } from '../model/trunk.ts'

export interface TapMaker {
  readonly trunk: TrunkName
  /** Side of the square pictures, in pixels. */
  readonly size: number
  /** [h,w,channels] of each tap. */
  readonly shapes: readonly (readonly number[])[]
  /** Of each tap; null where its activation has no bounds. */
  readonly ranges: readonly (TapRange | null)[]
  /** Of each picture [size,size], sRGB grey levels, its taps. */
  look(pictures: readonly Uint8Array[]): Promise<Float32Array[][]>
  destroy(): void
}

export interface TapMakerOptions {
  /** A multiple of the last tap's stride. */
  readonly size: number
  /** Pictures that are computed at once. */
  readonly batch: number
}

/** Loads a trunk onto the GPU. Throws as `Trunk.build`. */
export async function openTapMaker(
  gpu: Gpu,
  trunk: Trunk,
  { size, batch }: TapMakerOptions,
): Promise<TapMaker> {
  const graph = new Graph()
  for (const [i, tap] of looking(trunk)(graph, { batch, height: size, width: size }).entries())
    graph.output(TAP_INPUTS[i]!, tap)
  const plan = compile(graph, gpu.device.limits.maxStorageBufferBindingSize, gpu.traits)
  const executor = await Executor.create(gpu, plan, new Variables(gpu))
  const shapes = tapShapes(trunk, { height: size, width: size })
  const look = async (pictures: readonly Uint8Array[]) => {
    const gray = new Float32Array(batch * size * size)
    for (const [n, levels] of pictures.entries())
      gray.set(
        Float32Array.from(levels, (level) => level / 127.5 - 1),
        n * size * size,
      )
    executor.upload('gray', gray)
    const taps = await executor.run(TAP_INPUTS)
    return pictures.map((_, n) =>
      taps.map((tap, i) => {
        const count = elems({ shape: shapes[i]! })
        return tap.subarray(n * count, (n + 1) * count)
      }),
    )
  }
  return {
    ...{ trunk: { name: trunk.name, sha256: trunk.sha256 }, size, shapes, ranges: trunk.ranges },
    async look(pictures) {
      const taps: Float32Array[][] = []
      for (let at = 0; at < pictures.length; at += batch)
        taps.push(...(await look(pictures.slice(at, at + batch))))
      return taps
    },
    destroy: () => executor.destroy(),
  }
}
