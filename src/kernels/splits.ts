/**
 * How far a sum is cut into parts (split-K) where its results alone would make too few workgroups to keep the adapter busy.
 * Parts are written out and added up by a kernel of their own.
 */

/**
 * Enough workgroups that compute a block in workgroup memory: two for each of the 132 multiprocessors of an H100. Each has
 * 64 lanes or more, with many sums in each.
 */
export const ENOUGH_BLOCKS = 256
/** Enough workgroups of kernels without workgroup memory: they are small, and waiting for memory is hidden by their number. */
export const ENOUGH_WORKGROUPS = 1024
/** Enough where the adapter is a CPU: it has few lanes to keep busy, and every part is one more copy of the result. */
export const ENOUGH_FOR_CPU = 64
/** Elements that all parts may take together: 16 MiB. */
export const MAX_PARTIAL_ELEMS = 2 ** 22
