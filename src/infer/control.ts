/** What a person may ask of the colours, on the command line as in programs, and what that means for weights that are at hand. */
import * as v from 'valibot'
import type { Photo } from '../color/photo.ts'
import type { Gpu } from '../device/gpu.ts'
import { UserError } from '../errors.ts'
import { trainedWith, type WeightFile } from '../io/weights.ts'
import { integerOf, numberOf } from '../setting.ts'
import { hintsOption, saturationOption, signalOption } from './arguments.ts'
import type { ClassNames, PaintOptions } from './colorizer.ts'
import { coloursOf, expectBins, type Leaning } from './leaning.ts'
import type { PictureOptions } from './picture.ts'

export const STRENGTH = { max: 1 } as const
export const TEMPERATURE = { min: 0.1, max: 3 } as const
export const MOST_VARIANTS = 99
/** Longest side in px of a photograph whose colours are to be had: enough to count them. */
export const LIKE_SIDE = 256

/** What may be asked of the colours of one picture, besides those of another photograph. */
export interface ColourOptions extends Pick<PictureOptions, 'saturation' | 'strength' | 'hints' | 'signal'> {
  /** Whether a tone such as sepia is added to the colours. */
  readonly keepTone?: boolean | undefined
  /** Smooths the colours along the lightness, against blotches; slower. */
  readonly smooth?: boolean | undefined
  /** What is in the picture, instead of what a classifier sees: a name of `weights/classes.txt`, or its number from 0. */
  readonly class?: string | number | undefined
  /** Below 1 the likelier colours count more, above 1 the less likely ones, 0.1 to 3; only with weights that give probabilities. */
  readonly temperature?: number | undefined
  /** One of the plausible versions of `seed`, 1 to 99; only with weights that give probabilities. */
  readonly variant?: number | undefined
  /** What versions are drawn from; 0 by default. */
  readonly seed?: number | undefined
}

/** As `ColourOptions`. */
export const colourOptions = {
  ...{ saturation: saturationOption, hints: hintsOption, signal: signalOption },
  strength: v.optional(numberOf(STRENGTH)),
  keepTone: v.optional(v.boolean('expected true or false')),
  smooth: v.optional(v.boolean('expected true or false')),
  class: v.optional(v.union([v.string(), v.number()], 'expected the name or the number of a class')),
  temperature: v.optional(numberOf(TEMPERATURE)),
  variant: v.optional(integerOf({ max: MOST_VARIANTS })),
  seed: v.optional(integerOf({ min: 0 })),
}

/** Weights, by the name that errors call them. */
export interface Named extends Pick<WeightFile, 'network' | 'metadata'> {
  readonly name: string
}

interface Asked extends Pick<ColourOptions, 'class' | 'temperature' | 'variant'> {
  readonly like?: unknown
}

/**
 * Throws a UserError (trouble 'weights') where these weights cannot do what is asked for, or (trouble 'usage') where there is no
 * such class. And what `names` throws.
 * @param names of the classes; asked for when a class is told
 * @returns the class that is told
 */
export async function expectControl(
  { name, network, metadata }: Named,
  { class: told, temperature, variant, like }: Asked,
  names: ClassNames,
): Promise<PaintOptions['told']> {
  if (temperature !== undefined || variant !== undefined || like !== undefined) expectBins(name, network)
  if (told === undefined) return undefined
  if (network.classes === 0 || trainedWith(metadata).classVectors?.length === 0)
    throw new UserError(`${name} was trained without classes: none can be told`, 'weights')
  return findClass(String(told), await names())
}

/** How the probabilities of colours are moved. */
export async function leaningOf(
  gpu: Gpu,
  { name, network }: Named,
  {
    temperature,
    variant,
    seed,
    like,
  }: Pick<ColourOptions, 'temperature' | 'variant' | 'seed'> & { readonly like?: Photo | null | undefined },
): Promise<Leaning> {
  return {
    ...versionOf({ temperature, variant, seed }),
    ...(like ? { palette: await coloursOf(gpu, expectBins(name, network), like) } : {}),
  }
}

/** How the probabilities are moved for one picture alone. */
export const versionOf = ({
  temperature,
  variant,
  seed = 0,
}: Pick<ColourOptions, 'temperature' | 'variant' | 'seed'>): Pick<Leaning, 'temperature' | 'variant'> => ({
  temperature,
  ...(variant === undefined ? {} : { variant: { seed, number: variant - 1 } }),
})

/** How many names an error lists. */
const MOST_NAMED = 8

/**
 * The class of this number, of this name, or the only one in whose name the text occurs.
 * @throws UserError (trouble 'usage') that says what there is
 */
export function findClass(text: string, names: readonly string[]): { index: number; name: string } {
  const all = names.map((name, index) => ({ index, name }))
  const wanted = text.trim().toLowerCase()
  if (/^\d+$/.test(wanted) && names[Number(wanted)] !== undefined) return all[Number(wanted)]!
  const exact = all.filter(({ name }) => name.toLowerCase() === wanted)
  const found = exact.length
    ? exact
    : all.filter(({ name }) => wanted !== '' && name.toLowerCase().includes(wanted))
  if (found.length === 1) return found[0]!
  const wrong = (sentence: string) => new UserError(sentence, 'usage', { mend: ['class'] })
  if (!found.length) throw wrong(`there is no class "${text}": weights/classes.txt lists all`)
  const named = found.slice(0, MOST_NAMED).map(({ index, name }) => `${name} (${index})`)
  const more = found.length > MOST_NAMED ? ' …' : ''
  throw wrong(`the class "${text}" means several: ${named.join(', ')}${more}; give one of these numbers`)
}
