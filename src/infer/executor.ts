import type { Gpu } from '../device/gpu.ts'
import { compile } from '../graph/compile.ts'
import { Executor, Variables } from '../graph/execute.ts'
import type { Graph } from '../graph/graph.ts'

/** What runs `graph` in float32. */
export const executorOf = (gpu: Gpu, graph: Graph, variables = new Variables(gpu)) =>
  Executor.create(gpu, compile(graph, gpu.device.limits.maxStorageBufferBindingSize, gpu.traits), variables)
