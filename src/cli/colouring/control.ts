/** The options of `colorize` that a person changes the colours by, and what they mean for weights that are at hand. */

import type { Photo } from '../../color/photo.ts'
import { MAX_SATURATION } from '../../infer/arguments.ts'
import { expectControl, LIKE_SIDE, MOST_VARIANTS, STRENGTH, TEMPERATURE } from '../../infer/control.ts'
import type { PictureOptions } from '../../infer/picture.ts'
import type { WeightFile } from '../../io/weights.ts'
import { readPhoto, shrunkTo } from '../../node/image.ts'
import { classNames } from '../../node/store/classifiers.ts'
import { type Flags, type Option, wrong } from '../commands/command.ts'

const group = 'Colours'

export const CONTROL_OPTIONS: Readonly<Record<string, Option>> = {
  saturation: {
    value: 'F',
    help: `multiplies a* and b*, from 0, which is grey, to ${MAX_SATURATION} (default: as the weights say, else 1 where the network gives probabilities and 1.2 where it does not)`,
    group,
  },
  strength: {
    value: 'F',
    help: 'from 1, the new colours alone, to 0, the photograph as it is; in between a mixture of both (default 1)',
    group,
  },
  hints: {
    value: 'FILE.json',
    help: 'colours that you know of places in a single photograph, from which the network makes the others; docs/hints.md has the format',
    group,
  },
  class: {
    value: 'NAME',
    help: 'says what is in the photographs, a class of weights/classes.txt or its number from 0, instead of a classifier',
    group,
  },
  like: { value: 'FILE', help: 'a photograph in colour, to whose colours the new ones lean', group },
  temperature: {
    value: 'F',
    help: 'below 1 the likelier colours count more, above 1 the less likely ones, from 0.1 to 3; as --like and --variants, only with weights that give probabilities',
    group,
  },
  variants: {
    value: 'N',
    help: 'writes N plausible versions of each photograph, NAME.1.jpg …, which are drawn by chance',
    group,
  },
  seed: {
    value: 'N',
    help: 'number that the versions are drawn from: the same one gives the same versions (default 0)',
    group,
  },
  size: {
    value: 'PX',
    help: 'shorter side at which the network sees a photograph (default: as in its training); larger ones show it more details',
    group,
  },
  smooth: {
    help: 'smooths the colours along the lightness by optimization (Levin et al. 2004), against blotches; slower',
    group,
  },
}

const [LEAST_SIZE, MOST_SIZE] = [32, 2048]

export interface Control {
  readonly painting: PictureOptions
  /** Shorter side in px at which the network sees photographs. */
  readonly size: number | undefined
  /** The photograph of --like, small. */
  readonly like: Photo | null
  /** Of which seed versions are drawn, and how many; null when none are. */
  readonly variants: { readonly seed: number; readonly count: number } | null
}

/**
 * What the options ask for. Throws a `UserError` when a value is out of bounds, a file cannot be read or the weights cannot do it.
 * @param path of the weights
 */
export async function readControl(flags: Flags, path: string, weights: WeightFile): Promise<Control> {
  const temperature = flags.number('temperature', TEMPERATURE)
  const like = flags.text('like')
  const variants = variantsOf(flags)
  const asked = { temperature, like, class: flags.text('class'), variant: variants?.count }
  const painting = {
    ...colourStrength(flags),
    smooth: flags.on('smooth'),
    told: await expectControl({ name: path, ...weights }, asked, classNames),
    leaning: { temperature },
  }
  const size = flags.integer('size', { min: LEAST_SIZE, max: MOST_SIZE })
  return {
    painting,
    size,
    like: like === undefined ? null : await shrunkTo(await readPhoto(like), LIKE_SIDE),
    variants,
  }
}

/** How strong the colours are to be. Throws a `UserError` when a value is out of bounds. */
export const colourStrength = (flags: Flags): Pick<PictureOptions, 'saturation' | 'strength'> => ({
  saturation: flags.number('saturation', { max: MAX_SATURATION }),
  strength: flags.number('strength', STRENGTH),
})

function variantsOf(flags: Flags): Control['variants'] {
  const seed = flags.integer('seed', { min: 0 })
  const count = flags.integer('variants', { max: MOST_VARIANTS })
  if (count !== undefined) return { seed: seed ?? 0, count }
  if (seed !== undefined) throw wrong('--seed chooses among --variants N: say how many')
  return null
}
