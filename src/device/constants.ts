/**
 * Flags of the WebGPU specification (sections "GPUBufferUsageFlags" and "GPUMapModeFlags"). Browsers have them as globals, Node
 * has not, and nothing here writes globals.
 */

export const BUFFER_USAGE = {
  MAP_READ: 0x0001,
  COPY_SRC: 0x0004,
  COPY_DST: 0x0008,
  UNIFORM: 0x0040,
  STORAGE: 0x0080,
  QUERY_RESOLVE: 0x0200,
} as const

/** Of buffers that kernels work on. */
export const STORAGE_USAGE = BUFFER_USAGE.STORAGE | BUFFER_USAGE.COPY_DST | BUFFER_USAGE.COPY_SRC

export const MAP_MODE = { READ: 0x0001 } as const
