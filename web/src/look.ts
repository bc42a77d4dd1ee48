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

/** Which of the colours that it finds possible the network is to take; it is asked for each. */
export interface Version {
  /** -1 (it hedges) to 1 (it decides). */
  readonly boldness: number
  /** One of the plausible versions, from 1; 0 for what is likeliest. */
  readonly variant: number
}

export const USUAL_VERSION: Version = { boldness: 0, variant: 0 }

/** The same as options of a study. */
export const optionsOf = ({ boldness, variant }: Version) => ({
  temperature: boldness === 0 ? undefined : 2 ** (-1.5 * boldness),
  variant: variant === 0 ? undefined : variant,
})
