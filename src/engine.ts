/**
 * The engine, for Node and for browsers: graphs of operators, their gradients, and how they are compiled and run on a
 * WebGPU device. ONNX models become graphs, too.
 *
 * ```ts
 * const gpu = await Gpu.open(navigator.gpu)                   // in Node: openGpu() of 'webgpu-colorizer'
 * const graph = new Graph()
 * const x = graph.input('x', [1, 4])
 * graph.output('y', graph.op('tanh', [x], {}))
 * const plan = compile(graph, gpu.device.limits.maxStorageBufferBindingSize, gpu.traits)
 * const executor = await Executor.create(gpu, plan, new Variables(gpu))
 * executor.upload('x', Float32Array.of(0, 1, 2, 3))
 * const [y] = await executor.run(['y'])
 * ```
 */

export { UserError } from './errors.ts'

// The device

export { Gpu, GpuError, type GpuOptions } from './device/gpu.ts'
export type { Choices, Traits } from './device/traits.ts'

// Operators and graphs of them

export { Graph, GraphError } from './graph/graph.ts'
export { include } from './graph/include.ts'
export { getOp, ops } from './kernels/index.ts'
export type { Candidate, Dispatch, GradBuilder, Op, OpName, Spec, Tensor } from './kernels/op.ts'

// Gradients and Adam

export { ADAM, adamHyper, adamStep } from './autograd/adam.ts'
export { type Arena, arenaOf, packTensors, viewsOf } from './autograd/arena.ts'
export { backward } from './autograd/backward.ts'

// Plans, and what runs them

export { BindingLimitError, type CompileOptions, compile, type Plan } from './graph/compile.ts'
export { Executor, type NamedBuffers, Variables } from './graph/execute.ts'
export { PRECISIONS, type Precision } from './graph/half.ts'
export { rewriteForInference } from './graph/rewrite.ts'

// ONNX models and tensors in files

export type { Beside } from './io/onnx/external.ts'
export { type Imported, type ImportOptions, importOnnx } from './io/onnx/import.ts'
export { type OnnxModel, parseModel } from './io/onnx/model.ts'
export type { HostTensor } from './io/onnx/tensors.ts'
export {
  type Included,
  type IncludeOptions,
  includeTrainable,
  readBehind,
  weightsIn,
} from './io/onnx/trainable.ts'
export { type ReadAt, readAtOf } from './io/read-at.ts'
export { encodeSafetensors, parseSafetensors, type Safetensors } from './io/safetensors.ts'
