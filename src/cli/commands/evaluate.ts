import { UserError } from '../../errors.ts'
import { findEach, type PhotoPath } from '../../node/photos.ts'
import { saveFile } from '../../node/save.ts'
import { sheetFormat } from '../../node/sheet.ts'
import { findClassifier } from '../../node/store/classifiers.ts'
import { advised } from '../advice.ts'
import { evaluationJson, evaluationText, reportSheet } from '../evaluation-report.ts'
import { evaluate, type Failure } from '../measure-photos.ts'
import type { Terminal } from '../terminal.ts'
import { CLASSIFIER_OPTIONS } from './classifier.ts'
import { type Call, type Command, exitCode, type Result, wrong } from './command.ts'
import { type Setup, withSetup } from './evaluation-setup.ts'
import { checkPicture } from './picture.ts'
import { PRECISION_OPTIONS } from './precision.ts'

/** Whose features KID and FID are defined by. It takes longer than everything else, so only where it is asked for. */
const FEATURES = 'inception-v3'

export const evaluateCommand: Command = {
  summary: 'measures how well photographs are coloured, by their own colours',
  positionals: 'PHOTOS…',
  options: {
    weights: {
      value: 'FILE',
      help: 'weights or a checkpoint (default: the shipped ones, else the best of the newest training below runs/)',
    },
    against: {
      value: 'FILE',
      many: true,
      help: 'other weights to hold them against, in figures and on the sheet of --report; may be given more than once',
    },
    ...CLASSIFIER_OPTIONS,
    ...PRECISION_OPTIONS,
    features: {
      value: 'NAME',
      help: `also KID, FID and feature distance, by the features of this classifier: ${FEATURES}, another name or FILE.onnx (default none)`,
    },
    saturation: {
      value: 'F',
      many: true,
      help: 'multiplies a* and b* of the coloured pictures, but not in the ab error (default 1); given more than once, the network is measured at each, and all else at the first',
    },
    report: {
      value: 'FILE',
      help: 'also writes a contact sheet (.png or .webp) of the best, the median and the worst pictures',
    },
  },
  examples: [
    'colorizer evaluate holiday/',
    'colorizer evaluate "val/*.webp" --weights runs/mine/checkpoint.safetensors --report report.png',
    'colorizer evaluate val/ --classifier none --json',
    'colorizer evaluate val/ --features inception-v3',
    'colorizer evaluate val/ --weights runs/a/best.safetensors --against runs/b/best.safetensors --report sheet.png',
  ],

  async run(call) {
    const { flags, positionals, terminal } = call
    if (positionals.length === 0)
      throw wrong('evaluate needs at least one photograph: a file, a folder or a glob')
    const [saturation = 1, ...others] = new Set(flags.numbers('saturation'))
    const { photos, failures } = await findEach(positionals)
    for (const { error } of failures) terminal.warn(error)
    if (photos.length === 0) throw nothingReadable(failures)
    const report = flags.text('report')
    if (report !== undefined) await checkPicture('report', report, photos)
    return withSetup(call, [saturation, ...others], (setup) => evaluateAll(call, photos, failures, setup))
  },
}

const nothingReadable = ({ length }: readonly Failure[]) =>
  new UserError(
    `nothing could be evaluated: ${length === 1 ? 'the only input' : `all ${length} inputs`} failed`,
  )

async function evaluateAll(
  call: Call,
  photos: readonly PhotoPath[],
  missing: readonly Failure[],
  { colourists, judges, ...setup }: Setup,
): Promise<Result> {
  const { flags, terminal, interrupted } = call
  const { evaluated, failures } = await evaluate(photos, colourists, judges, call)
  const failed = [...missing, ...failures]
  if (evaluated.length === 0) {
    if (interrupted.aborted) throw new UserError('interrupted before a picture was done', 'interrupted')
    throw nothingReadable(failed)
  }
  const files = [setup.weights, ...setup.against]
  const wanted = interrupted.aborted ? undefined : flags.text('report')
  const report =
    wanted === undefined
      ? null
      : await drawReport(
          wanted,
          () => reportSheet(evaluated, colourists, files, sheetFormat(wanted)),
          terminal,
        )
  const left = photos.length - evaluated.length - failures.length
  const { name: judge } = judges.classifier
  const features = judges.features?.name ?? null
  const evaluation = { ...setup, evaluated, failures: failed, judge, features, report, left }
  const lost = wanted !== undefined && report === null ? 1 : 0
  return {
    json: evaluationJson(evaluation),
    text: [evaluationText(evaluation), ...(features ? [] : [await featuresHint()])].join('\n'),
    code: exitCode(interrupted.aborted, failed.length + lost),
  }
}

/** How the figures that are missing are to be had. */
async function featuresHint(): Promise<string> {
  const how = `KID, FID and feature distance: --features ${FEATURES}`
  try {
    await findClassifier(FEATURES)
    return how
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    return `${how}; ${advised(error)}`
  }
}

/** The figures are worth having even where the report cannot be written: that is warned of, and null is the result. */
async function drawReport(
  file: string,
  draw: () => Promise<Buffer>,
  terminal: Terminal,
): Promise<string | null> {
  terminal.progress(`drawing ${file}`)
  try {
    await saveFile(file, await draw())
    return file
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    terminal.warn(advised(error))
    return null
  }
}
