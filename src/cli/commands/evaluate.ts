import { existsSync } from 'node:fs'
import { extname } from 'node:path'
import { UserError } from '../../errors.ts'
import { READ_ENDINGS } from '../../node/formats/kinds.ts'
import { findEach, type PhotoPath } from '../../node/photos.ts'
import { findClassifier } from '../../node/store/classifiers.ts'
import { advised } from '../advice.ts'
import { type Album, AskedAlbum, keyOf, pageAlbum, pairAlbum, sheetAlbum } from '../albums.ts'
import { evaluationJson, evaluationText, namesOf, titlesOf } from '../evaluation-report.ts'
import { evaluate, type Failure } from '../measure-photos.ts'
import { reportSheet } from '../report-sheet.ts'
import { summariseAll } from '../summaries.ts'
import type { Terminal } from '../terminal.ts'
import { CLASSIFIER_OPTIONS } from './classifier.ts'
import { type Call, type Command, exitCode, type Flags, type Result, wrong } from './command.ts'
import { type Setup, withSetup } from './evaluation-setup.ts'
import { checkFolder } from './folder.ts'
import { MIRROR_OPTIONS } from './mirror.ts'
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
    classifier: {
      ...CLASSIFIER_OPTIONS.classifier!,
      help: `${CLASSIFIER_OPTIONS.classifier!.help}; given more than once, the network is measured with each, and all else with the first`,
      many: true,
    },
    ...MIRROR_OPTIONS,
    ...PRECISION_OPTIONS,
    features: {
      value: 'NAME',
      help: `also KID, FID and feature distance, by the features of this classifier: ${FEATURES}, another name or FILE.onnx (default none)`,
    },
    hints: {
      help: 'also the ab error after 1, 2, 5, 10 and 30 true colours were told, of weights that take hints',
    },
    saturation: {
      value: 'F',
      many: true,
      help: 'multiplies a* and b* of the coloured pictures (of the ab errors, only in that as painted), or auto: by what each weight file says, as colorize does (default 1); given more than once, the network is measured at each, and all else at the first',
    },
    report: {
      value: 'FILE|DIR',
      help: 'also writes a contact sheet (.png or .webp) of the best, the median and the worst pictures, or a folder with a page, index.html, of all pictures, the worst first',
    },
    pairs: {
      value: 'DIR',
      help: 'also writes a sheet of each picture and its original side by side, in an order by chance, to ask people which is the original; DIR-key.json tells it',
    },
    seed: { value: 'N', help: 'decides that order (default 0)' },
  },
  examples: [
    'colorizer evaluate holiday/',
    'colorizer evaluate "val/*.webp" --weights runs/mine/checkpoint.safetensors --report report.png',
    'colorizer evaluate val/ --classifier none --json',
    'colorizer evaluate val/ --classifier auto --classifier none',
    'colorizer evaluate val/ --saturation 1 --saturation 1.2 --saturation 1.4',
    'colorizer evaluate val/ --features inception-v3 --saturation auto --against weights/report-lite.safetensors',
    'colorizer evaluate val/ --hints',
    'colorizer evaluate val/ --report page --pairs pairs --seed 7',
    'colorizer evaluate val/ --weights runs/a/best.safetensors --against runs/b/best.safetensors --report sheet.png',
  ],

  async run(call) {
    const { flags, positionals, terminal } = call
    if (positionals.length === 0)
      throw wrong('evaluate needs at least one photograph: a file, a folder or a glob')
    const asked = flags.numbersOr('auto', 'saturation')
    const saturations = asked.length ? asked : [1]
    const { photos, failures } = await findEach(positionals, { endings: READ_ENDINGS })
    for (const { error } of failures) terminal.warn(error)
    if (photos.length === 0) throw nothingReadable(failures)
    const wanted = await wantedAlbums(flags, photos)
    return withSetup(call, saturations, (setup) =>
      evaluateAll(call, { photos, missing: failures, wanted }, setup),
    )
  },
}

const nothingReadable = ({ length }: readonly Failure[]) =>
  new UserError(
    `nothing could be evaluated: ${length === 1 ? 'the only input' : `all ${length} inputs`} failed`,
  )

/** What is to be written beside the figures. */
interface Wanted {
  readonly sheet: string | undefined
  readonly page: string | undefined
  readonly pairs: string | undefined
  readonly seed: number
}

async function wantedAlbums(flags: Flags, photos: readonly PhotoPath[]): Promise<Wanted> {
  const [report, pairs] = [flags.text('report'), flags.text('pairs')]
  const seed = flags.integer('seed', { min: 0 }) ?? 0
  const isFolder = report !== undefined && (extname(report) === '' || /[\\/]$/.test(report))
  const [sheet, page] = isFolder ? [undefined, report] : [report, undefined]
  if (sheet !== undefined) await checkPicture('report', sheet, photos)
  if (page !== undefined) await checkFolder('report', page)
  if (pairs !== undefined) await checkPairs(pairs)
  return { sheet, page, pairs, seed }
}

/** The folder, and no key of other pairs beside it: without their key nobody can count those. */
async function checkPairs(folder: string): Promise<void> {
  await checkFolder('pairs', folder)
  if (existsSync(keyOf(folder)))
    throw wrong(`--pairs ${folder}: ${keyOf(folder)} is there already; name another folder`)
}

function openAlbums({ sheet, page, pairs, seed }: Wanted, setup: Setup, terminal: Terminal): AskedAlbum[] {
  const { colourists, weights, against } = setup
  const names = namesOf([weights, ...against])
  const albums: AskedAlbum[] = []
  const ask = (option: 'report' | 'pairs', path: string, album: Album) =>
    albums.push(new AskedAlbum(option, path, album, terminal))
  if (sheet !== undefined)
    ask(
      'report',
      sheet,
      sheetAlbum(sheet, (all) => reportSheet(all, colourists, names, sheet)),
    )
  if (page !== undefined) ask('report', page, pageAlbum(page, { ...titlesOf(setup), gray: 'grey' }))
  if (pairs !== undefined) ask('pairs', pairs, pairAlbum(pairs, seed))
  return albums
}

interface Work {
  readonly photos: readonly PhotoPath[]
  /** Inputs that cannot be read. */
  readonly missing: readonly Failure[]
  readonly wanted: Wanted
}

async function evaluateAll(call: Call, { photos, missing, wanted }: Work, setup: Setup): Promise<Result> {
  const { terminal, interrupted } = call
  const { colourists, judges, ...setting } = setup
  const albums = openAlbums(wanted, setup, terminal)
  const { evaluated, failures } = await evaluate(photos, colourists, judges, call, async (painting) => {
    for (const album of albums) await album.add(painting)
  })
  const failed = [...missing, ...failures]
  if (evaluated.length === 0) {
    if (interrupted.aborted) throw new UserError('interrupted before a picture was done', 'interrupted')
    throw nothingReadable(failed)
  }
  const [judge, features] = [judges.classifier.name, judges.features?.name ?? null]
  const left = photos.length - evaluated.length - failures.length
  const summaries = summariseAll(evaluated)
  const evaluation = { ...setting, evaluated, summaries, failures: failed, judge, features, left }
  const text = evaluationText(evaluation)
  for (const album of albums) await album.finish(text)
  const [report, pairs] = [written(albums, 'report'), written(albums, 'pairs')]
  const files = [...(report ? [report] : []), ...(pairs ? [pairs, keyOf(pairs)] : [])]
  const lost = albums.filter(({ isLost }) => isLost).length
  return {
    json: evaluationJson({ ...evaluation, report, pairs }),
    text: [text, ...(features ? [] : [await featuresHint()]), ...files].join('\n'),
    code: exitCode(interrupted.aborted, failed.length + lost),
  }
}

const written = (albums: readonly AskedAlbum[], option: string) =>
  albums.find((album) => album.option === option && !album.isLost)?.path ?? null

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
