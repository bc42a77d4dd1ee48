/** Work done here and by a peer, as rows of a table. */

export interface Row {
  readonly work: string
  /** Medians in milliseconds. */
  readonly ours: number
  /** Null where there is no peer, or none that ran. */
  readonly peer: number | null
  readonly peerName: string
  /** peer / ours */
  readonly ratio: number | null
  /** max |Δ| / max of what both computed. */
  readonly difference: number | null
  /** Why there is no figure, or none to trust. */
  readonly trouble?: string
}

/** @param title what stands in the first line, before the time */
export function formatRows(title: string, rows: readonly Row[]): string {
  const number = (value: number | null, digits: number) => value?.toFixed(digits) ?? '-'
  const cells = rows.map(({ work, ours, peer, peerName, ratio, difference, trouble }) => [
    ...[work, number(ours, 0), number(peer, 0), number(ratio, 2)],
    ...[difference?.toExponential(0) ?? '-', trouble ? `${peerName}: ${trouble.toUpperCase()}` : peerName],
  ])
  const table = [['work', 'ours ms', 'peer ms', 'peer/ours', 'difference', 'peer'], ...cells]
  const widths = table[0]!.map((_, i) => Math.max(...table.map((row) => row[i]!.length)))
  const lines = table.map((row) =>
    row
      .map((cell, i) => (i === 0 || i === 5 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join('  ')
      .trimEnd(),
  )
  return [`${title}, ${new Date().toISOString()}`, ...lines].join('\n')
}
