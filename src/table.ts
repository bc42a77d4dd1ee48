/** Lines of a table whose first columns are text; the others are numbers and end at the right. */
export function alignColumns(table: readonly (readonly string[])[], textColumns: number): string[] {
  const widths = (table[0] ?? []).map((_, i) => Math.max(...table.map((line) => line[i]!.length)))
  const align = (cell: string, i: number) =>
    i < textColumns ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)
  return table.map((line) => line.map(align).join('  ').trimEnd())
}
