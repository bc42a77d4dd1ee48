import { ceilDiv, type Dispatch, elems, grid, type Ref, type Spec } from '../op.ts'

/** How a reduction over the rows of [M, C] is cut up; `shaders/lib/rows.wgsl` walks it. */
export interface Chunks {
  /** Rows in a super-row, a multiple of 4 elements. */
  readonly superRow: number
  /** vec4s in a super-row. */
  readonly columns: number
  /** Super-rows in a chunk. */
  readonly rowsPerChunk: number
  readonly chunks: number
}

/** Neighbouring invocations read at least this many vec4s side by side. */
const MIN_COLUMNS = 16

/** Super-rows that an invocation of an elementwise kernel over channels (batch norm) walks down. */
const WALK = 8

/**
 * Cuts [rows, channels] into chunks. An invocation sums `rowsPerChunk` values, one of the second stage every eighth
 * partial row. With about √(rows/2) both have little to add, which is fast and rounds little.
 */
export function chunkRows(rows: number, channels: number): Chunks {
  const least = 4 / gcd(channels, 4)
  const superRow = least * ceilDiv(MIN_COLUMNS * 4, least * channels)
  const superRows = ceilDiv(rows, superRow)
  const rowsPerChunk = Math.max(32, Math.ceil(Math.sqrt(rows / 2)))
  const chunks = ceilDiv(superRows, rowsPerChunk)
  return { superRow, columns: (superRow * channels) / 4, rowsPerChunk, chunks }
}

/** Elements of the partial results of one group. */
export const partialElems = ({ columns, chunks }: Chunks) => columns * 4 * chunks

/**
 * The first stage of a reduction over `groups` tensors of `elems` elements each: one invocation per partial vec4. Further
 * `sizes` are the shader's own parameters.
 */
export function reduceChunks(
  shader: string,
  { columns, rowsPerChunk, chunks }: Chunks,
  bindings: Ref[],
  { groups = 1, ...sizes }: { elems: number; groups?: number; [param: string]: number },
): Dispatch {
  const partials = columns * chunks * groups
  const params = { partials, columns, rowsPerChunk, ...sizes }
  return { shader, params, bindings, workgroups: grid(ceilDiv(partials, 64)) }
}

/** The second stage of a sum: x [groups, rows, channels] → y [groups, channels]. */
export function foldRows(
  x: Ref,
  y: Ref,
  { groups, rows, channels }: { groups: number; rows: number; channels: number },
): Dispatch {
  const workgroups = grid(groups * ceilDiv(channels, 8))
  return { shader: 'sum_rows', params: { groups, rows, channels }, bindings: [x, y], workgroups }
}

/** An elementwise kernel over x that walks down columns, so that what belongs to the channels is looked up once. */
export function walkRows(shader: string, x: Spec, bindings: Ref[], extra = {}): Dispatch {
  const channels = x.shape.at(-1)!
  const rows = elems(x) / channels
  const { superRow, columns } = chunkRows(rows, channels)
  const invocations = columns * ceilDiv(ceilDiv(rows, superRow), WALK)
  const vectors = ceilDiv(rows * channels, 4)
  const params = { vectors, columns, rowsPerChunk: WALK, channels, ...extra }
  return { shader, params, bindings, workgroups: grid(ceilDiv(invocations, 64)) }
}

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b))
