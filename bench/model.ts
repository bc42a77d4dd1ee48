import { gflopOf } from '../src/cli/onnx-run.ts'
import type { Gpu } from '../src/device/gpu.ts'
import { compile } from '../src/graph/compile.ts'
import { Executor, Variables } from '../src/graph/execute.ts'
import { rewriteForInference } from '../src/graph/rewrite.ts'
import { type Imported, type Input, importOnnx, type Output } from '../src/io/onnx/import.ts'
import { relayout } from '../src/io/onnx/values.ts'
import { readModel } from '../src/node/onnx-file.ts'

export type Values = ReadonlyMap<string, Float32Array>

/** An ONNX model on our kernels: compiled once, run many times. Values are in ONNX's own order of axes. */
export class Model {
  private constructor(
    readonly inputs: readonly Input[],
    readonly outputs: readonly Output[],
    /** 10⁹ operations of one run, padding counted. */
    readonly gflop: number,
    private readonly executor: Executor,
  ) {}

  /** @param batch for a first axis of open size */
  static async open(gpu: Gpu, path: string, batch: number): Promise<Model> {
    const { graph, inputs, outputs }: Imported = importOnnx(await readModel(path), { batch })
    const rewritten = rewriteForInference(graph)
    const plan = compile(rewritten, gpu.device.limits.maxStorageBufferBindingSize, gpu.traits)
    const executor = await Executor.create(gpu, plan, new Variables(gpu))
    return new Model(inputs, outputs, gflopOf(rewritten), executor)
  }

  /** The outputs that are computed, in the model's order. */
  async run(values: Values): Promise<Map<string, Float32Array>> {
    for (const { name, shape, layout } of this.inputs) {
      this.executor.upload(name, relayout(values.get(name)!, shape, layout))
    }
    const computed = this.outputs.filter(({ constant }) => !constant)
    const results = await this.executor.run(computed.map(({ name }) => name))
    return new Map(
      computed.map(({ name, shape, layout }, i) => [name, relayout(results[i]!, shape, layout, true)]),
    )
  }

  destroy(): void {
    this.executor.destroy()
    this.executor.gpu.pool.trim()
  }
}
