/** The options by which `prepare` keeps what a trunk sees of photographs. */
import { USUAL_TRUNK } from '../../model/pyramid/index.ts'
import { TAP_STRIDES, type Trunk } from '../../model/trunk.ts'
import { findClassifier } from '../../node/store/classifiers.ts'
import { loadTrunk } from '../../node/store/networks.ts'
import { type Flags, type Option, wrong } from './command.ts'

const TAPS_MULTIPLE = TAP_STRIDES.at(-1)!
const USUAL_TAPS = { size: 128, views: 1 }

export const TAPS_OPTIONS: Readonly<Record<string, Option>> = {
  taps: {
    help: 'also keep what a trunk sees of the photographs, for `train --taps`; says first how much room that takes',
  },
  trunk: {
    value: 'NAME',
    help: `the classifier whose taps are kept: a name (\`colorizer weights list\`) or FILE.onnx (default ${USUAL_TRUNK.name})`,
  },
  'taps-size': {
    value: 'PX',
    help: `side of the pictures that the trunk is shown, a multiple of ${TAPS_MULTIPLE} (default ${USUAL_TAPS.size})`,
  },
  'taps-views': {
    value: 'N',
    help: `parts of each photograph that the trunk is shown: the centre, and others cropped, scaled and mirrored by chance (default ${USUAL_TAPS.views})`,
  },
}

export interface WantedTaps {
  readonly trunk: Trunk
  readonly size: number
  readonly views: number
}

/** Null where none are asked for. */
export async function wantedTaps(flags: Flags): Promise<WantedTaps | null> {
  const beside = ['trunk', 'taps-size', 'taps-views'].find((name) => flags.text(name) !== undefined)
  if (!flags.on('taps')) {
    if (beside) throw wrong(`--${beside} is about taps: add --taps to keep them`)
    return null
  }
  const size = flags.integer('taps-size', { multipleOf: TAPS_MULTIPLE, min: TAPS_MULTIPLE })
  const views = flags.integer('taps-views')
  const choice = flags.text('trunk') ?? USUAL_TRUNK.name
  const file = await findClassifier(choice)
  if (!file) throw wrong(`--trunk ${choice}: taps are those of a classifier`)
  const trunk = await loadTrunk(file)
  return { trunk, size: size ?? USUAL_TAPS.size, views: views ?? USUAL_TAPS.views }
}
