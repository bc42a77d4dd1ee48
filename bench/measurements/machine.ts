import { arch, availableParallelism, cpus, loadavg, platform } from 'node:os'
import type { Gpu } from '../../src/device/gpu.ts'
import { KERNEL_VERSION } from '../../src/device/shader-text.ts'
import { type AdapterSummary, adapterSummary } from '../../src/node/dawn.ts'

/** What figures were measured on. */
export interface Machine {
  readonly adapter: AdapterSummary
  /** Lanes of its subgroups, where they have one fixed size. */
  readonly subgroupLanes: number | null
  readonly processor: string
  readonly cores: number
  /** Processes that wanted to compute, in the mean of the minute before; 0 where the system does not count them. */
  readonly load: number
  /** "linux-x64" */
  readonly system: string
  readonly node: string
  /** A hash of all kernels. */
  readonly kernels: string
}

export function machineOf(gpu: Gpu): Machine {
  return {
    adapter: adapterSummary(gpu),
    subgroupLanes: gpu.traits.subgroupLanes,
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    load: loadavg()[0]!,
    system: `${platform()}-${arch()}`,
    node: process.versions.node,
    kernels: KERNEL_VERSION.slice(0, 12),
  }
}

/** Milliseconds that all threads of this process have computed. */
export function cpuTime(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
