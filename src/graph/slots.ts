/** WebGPU's guaranteed `minStorageBufferOffsetAlignment`. */
const ALIGNMENT_BYTES = 256

/** Memory that is needed for some time. */
export interface Item {
  readonly bytes: number
  /** Ids of the first node that writes and the last that touches it. */
  readonly first: number
  readonly last: number
  /** Items, by their index, that must lie in other buffers: some dispatch binds both and writes one of them. */
  readonly clashes?: ReadonlySet<number>
}

export interface Placement {
  readonly slot: number
  readonly offsetBytes: number
}

type Placed = Placement & { readonly index: number; readonly item: Item }

/**
 * Places every item in a slot, which is a buffer as large as the largest item in it: largest first, each into the first
 * slot that has room for it as long as it lives (Pisarchyk and Lee 2020, "Efficient memory management for deep neural net
 * inference", greedy by size). Items that are alive at the same time lie beside each other where no dispatch would bind
 * their buffer both to read and to write, which WebGPU forbids even for disjoint ranges. Returns the items' places and
 * the slots' bytes.
 */
export function assignSlots(items: readonly Item[]): { places: Placement[]; slotBytes: number[] } {
  const slots: { readonly bytes: number; readonly used: Placed[] }[] = []
  const places = new Array<Placement>(items.length)
  const largestFirst = items
    .map((item, index) => ({ item, index }))
    .sort((a, b) => b.item.bytes - a.item.bytes)
  for (const { item, index } of largestFirst) {
    let [slot, offsetBytes] = [-1, null as number | null]
    while (offsetBytes === null) {
      if (++slot === slots.length) slots.push({ bytes: item.bytes, used: [] })
      offsetBytes = roomIn(slots[slot]!, item)
    }
    places[index] = { slot, offsetBytes }
    slots[slot]!.used.push({ slot, offsetBytes, index, item })
  }
  return { places, slotBytes: slots.map(({ bytes }) => bytes) }
}

/** The lowest offset at which a slot has room for `item` as long as it lives; null when it has none. */
function roomIn(
  slot: { readonly bytes: number; readonly used: readonly Placed[] },
  item: Item,
): number | null {
  const neighbours = slot.used
    .filter((other) => item.first <= other.item.last && other.item.first <= item.last)
    .sort((a, b) => a.offsetBytes - b.offsetBytes)
  if (neighbours.some(({ index }) => item.clashes?.has(index))) return null
  let start = 0
  for (const { offsetBytes, item: other } of neighbours) {
    if (start + item.bytes <= offsetBytes) return start
    start = Math.max(start, Math.ceil((offsetBytes + other.bytes) / ALIGNMENT_BYTES) * ALIGNMENT_BYTES)
  }
  return start + item.bytes <= slot.bytes ? start : null
}
