/** How a coloured picture is to look: what people set without asking the network again. */
export interface Look {
  /** What a* and b* are multiplied by. */
  readonly saturation: number
  /** -1 (colder) to 1 (warmer). */
  readonly warmth: number
  /** The share of the coloured picture in the result, 0 to 1; the rest is the original. */
  readonly strength: number
  /** Whether a tone such as sepia is added to the colours. */
  readonly keepTone: boolean
}

export const USUAL_LOOK: Look = { saturation: 1, warmth: 0, strength: 1, keepTone: false }
