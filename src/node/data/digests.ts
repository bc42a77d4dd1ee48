const BYTES = 32
const EMPTY = -1

/** SHA-256 digests of some of `count` things, which are known by their indices: 40 to 48 bytes a thing, outside the heap. */
export class Digests {
  /** The digest of thing i is at BYTES · i. */
  readonly #digests: Buffer
  /** A hash table of indices; a digest is its own hash, and one whose slot is taken lies behind it. */
  readonly #slots: Int32Array

  constructor(count: number) {
    this.#digests = Buffer.alloc(BYTES * count)
    this.#slots = new Int32Array(2 ** Math.ceil(Math.log2(2 * count + 1))).fill(EMPTY)
  }

  /** @param digest hexadecimal */
  add(digest: string, index: number): void {
    this.#digests.write(digest, BYTES * index, 'hex')
    this.#slots[this.#slotOf(digest)] = index
  }

  /** The thing that was last added with this digest. */
  indexOf(digest: string): number | undefined {
    const index = this.#slots[this.#slotOf(digest)]!
    return index === EMPTY ? undefined : index
  }

  /** Where the digest is in the table, or is to be. */
  #slotOf(digest: string): number {
    const bytes = Buffer.from(digest, 'hex')
    const mask = this.#slots.length - 1
    let slot = bytes.readUInt32LE() & mask
    for (let index = this.#slots[slot]!; index !== EMPTY; index = this.#slots[slot]!) {
      if (bytes.compare(this.#digests, BYTES * index, BYTES * (index + 1)) === 0) break
      slot = (slot + 1) & mask
    }
    return slot
  }
}
