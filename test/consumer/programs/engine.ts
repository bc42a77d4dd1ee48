import {
  adamHyper,
  adamStep,
  backward,
  compile,
  Executor,
  Gpu,
  Graph,
  importOnnx,
  includeTrainable,
  ops,
  parseModel,
  readBehind,
  type Tensor,
  Variables,
  weightsIn,
} from 'webgpu-colorizer/engine'

/** y = tanh(x) and its gradient, on any WebGPU. */
export async function tanh(entry: GPU): Promise<number[]> {
  const gpu = await Gpu.open(entry)
  if (!gpu) throw new Error('no adapter')
  const graph = new Graph()
  const x: Tensor = graph.input('x', [1, 4])
  const y = graph.op('tanh', [x], {})
  graph.output('y', y)
  const plan = compile(graph, gpu.device.limits.maxStorageBufferBindingSize, gpu.traits)
  const executor = await Executor.create(gpu, plan, new Variables(gpu))
  executor.upload('x', Float32Array.of(0, 1, 2, 3))
  const [result] = await executor.run(['y'])
  executor.destroy()
  gpu.destroy()
  return [...result!]
}

export const others = {
  ...{ adamHyper, adamStep, backward, importOnnx, includeTrainable, ops, parseModel, readBehind },
  weightsIn,
}
