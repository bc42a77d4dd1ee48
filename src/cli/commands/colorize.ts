import { join, resolve } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { hintsFor } from '../../io/hints.ts'
import { colorizeFile } from '../../node/formats/colorize.ts'
import { formatOfName, OUTPUT_FORMATS, PICTURE_ENDINGS } from '../../node/formats/kinds.ts'
import { photoSize } from '../../node/image.ts'
import { JOURNAL, Journal } from '../../node/journal.ts'
import { findEach, type PhotoPath } from '../../node/photos.ts'
import { Sheet, sheetFormat } from '../../node/sheet.ts'
import { cacheFolder } from '../../node/store/cache.ts'
import { isFile, namesOf, type OnColoured, writeListed } from '../colorize-files.ts'
import { CONTROL_OPTIONS } from '../colouring/control.ts'
import { allOf } from '../colouring/names.ts'
import { MADE, type Planned, type PlanOptions, planFor } from '../colouring/plan.ts'
import { runPlan } from '../colouring/run.ts'
import { LatePainter, readSetup, type Setup } from '../colouring/setup.ts'
import { doneText, planJson, planText } from '../colouring/summary.ts'
import { EXIT } from '../exit.ts'
import { CLASSIFIER_OPTIONS } from './classifier.ts'
import { type Call, type Command, exitCode, type Result, wrong } from './command.ts'
import { FILE_OPTIONS } from './file-options.ts'
import { checkPicture } from './picture.ts'
import { PRECISION_OPTIONS } from './precision.ts'

const STDIO = '-'
/** Options that mean nothing between stdin and stdout. */
const FOR_FILES = ['sheet', 'report', 'compare', 'variants', 'seed', 'jobs', 'dry-run', 'force', 'watch']
const SHEET_ROWS = 100
/** One is read, one coloured and one written at the same time. */
const JOBS = 3
/** Lists the pictures whose file `-o` names; those in folders have a journal beside them. */
const SINGLE_FILES = 'pictures.jsonl'

export const colorizeCommand: Command = {
  summary: 'colours photographs: files, folders, globs, or - for stdin',
  positionals: 'INPUT… -o OUT',
  options: {
    out: {
      value: 'OUT',
      short: 'o',
      help: 'folder for the coloured pictures, which keeps the tree of the inputs; FILE.jpg, .png, .webp or .tif for a single one; - for stdout',
    },
    weights: {
      value: 'FILE',
      help: 'weights or a checkpoint (default: the shipped ones, else the best of the newest training below runs/)',
    },
    ...CLASSIFIER_OPTIONS,
    ...PRECISION_OPTIONS,
    ...CONTROL_OPTIONS,
    ...FILE_OPTIONS,
    jobs: {
      value: 'N',
      help: `photographs in work at once: some are read or written while one is coloured (default ${JOBS})`,
    },
    'dry-run': { help: 'says what would be written where and what left out, and colours nothing' },
    force: {
      help: 'colours anew what is done already; files that this program did not write are still not overwritten',
    },
    compare: { help: 'also writes NAME.compare.png, grey beside coloured' },
    sheet: {
      value: 'FILE',
      help: `also writes a contact sheet (.png or .webp), grey beside coloured, of the first ${SHEET_ROWS} photographs`,
    },
  },
  examples: [
    'colorizer colorize photo.jpg -o coloured.png',
    'colorizer colorize album/ "scans/*.tif" -o out/ --saturation 1.4',
    'colorizer colorize photo.jpg -o coloured.png --hints hints.json',
    'colorizer colorize - -o - < grey.jpg > coloured.jpg',
  ],

  async run(call) {
    const { flags, positionals } = call
    const out = flags.text('out')
    if (positionals.length === 0)
      throw wrong('colorize needs at least one INPUT: a file, a folder, a glob, or -')
    if (out === undefined) throw wrong('colorize needs -o OUT, the folder or the file for what is coloured')
    if (positionals.includes(STDIO) || out === STDIO) return colorizePipe(call, out)
    const jobs = flags.integer('jobs') ?? JOBS
    const setup = await readSetup(call)
    const { planned, options } = await makePlan(call, out, setup)
    if (flags.on('dry-run')) {
      const failing = planned.filter((entry) => 'error' in entry).length
      return { json: planJson(planned), text: planText(planned), code: exitCode(false, failing) }
    }
    const painter = new LatePainter(call, setup)
    try {
      return await colorizeFiles(call, { planned, options, setup, painter, jobs })
    } finally {
      painter.close()
    }
  },
}

/** Finds the photographs and decides what is done with each. Throws a `UserError` when the options do not fit what is there. */
async function makePlan({ positionals, flags }: Call, out: string, { settings, variants }: Setup) {
  const { photos, failures } = await findEach(positionals, PICTURE_ENDINGS)
  const count = photos.length + failures.length
  const hints = flags.text('hints')
  if (hints !== undefined && count > 1)
    throw wrong(`--hints ${hints} are for one photograph, but there are ${count} inputs`)
  const isSingle = await isFile(out)
  const format = flags.choice('format', OUTPUT_FORMATS)
  if (isSingle && format !== undefined && format !== formatOfName(out))
    throw wrong(`--format ${format} is another one than that of -o ${out}`)
  if (isSingle && count > 1)
    throw wrong(`-o ${out} is one file, but there are ${count} inputs: name a folder instead`)
  const options: PlanOptions = {
    ...{
      out,
      isFile: isSingle,
      variants: variants?.count ?? null,
      format,
      compare: flags.on('compare'),
      force: flags.on('force'),
    },
    settings,
    journal: await Journal.open(isSingle ? join(cacheFolder(), SINGLE_FILES) : join(out, JOURNAL)),
  }
  const planned: Planned[] = [...failures, ...(await planFor(photos, options))]
  await checkSheet(flags.text('sheet'), photos, planned)
  return { planned, options }
}

/** Throws a `UserError` where the sheet cannot be written, or would overwrite a photograph or a picture of the plan. */
async function checkSheet(
  file: string | undefined,
  photos: readonly PhotoPath[],
  planned: readonly Planned[],
) {
  if (file === undefined) return
  const own = new Set(
    planned.flatMap((entry) => ('skipped' in entry && entry.skipped === MADE ? entry.input : [])),
  )
  await checkPicture(
    'sheet',
    file,
    photos.filter(({ path }) => !own.has(path)),
  )
  if (planned.some((entry) => 'photo' in entry && hasFile(entry, file)))
    throw wrong(`--sheet ${file} would overwrite a coloured picture`)
}

const hasFile = (job: Parameters<typeof allOf>[0], file: string) =>
  allOf(job).some((output) => resolve(output) === resolve(file))

interface Work {
  readonly planned: readonly Planned[]
  readonly options: PlanOptions
  readonly setup: Setup
  readonly painter: LatePainter
  readonly jobs: number
}

async function colorizeFiles(call: Call, { planned, options, setup, painter, jobs }: Work): Promise<Result> {
  const { flags, interrupted } = call
  const file = flags.text('sheet')
  const sheet = new Sheet(SHEET_ROWS)
  const onColoured: OnColoured = (row, _, { place }) => sheet.add(row, place)
  const { outcomes, pace } = await runPlan(planned, {
    ...{ hints: setup.hints, seed: setup.variants?.seed, settings: setup.settings, values: setup.values },
    ...{ journal: options.journal, onColoured: file === undefined ? undefined : onColoured },
    ...{ jobs, terminal: call.terminal, interrupted, open: () => painter.open() },
  })
  const failed = outcomes.filter((outcome) => 'error' in outcome).length
  const drawn = file !== undefined && sheet.length > 0 ? file : null
  if (drawn !== null) {
    const drawing = { format: sheetFormat(drawn), names: namesOf(options.variants ?? 1) }
    await writeListed(options.journal, drawn, [await sheet.draw(drawing)])
  }
  const total = planned.filter((entry) => !('skipped' in entry)).length
  const told = doneText(outcomes, { total, out: options.out, pace })
  return {
    json: { files: outcomes, ...(drawn === null ? {} : { sheet: drawn }) },
    text: outcomes.length > failed || !failed ? [told, ...(drawn === null ? [] : [drawn])].join('\n') : '',
    code: exitCode(interrupted.aborted, failed),
  }
}

/** stdin → stdout, in the format that came in where it can be written, else PNG. A picture in colour is passed on as it is. */
async function colorizePipe(call: Call, out: string): Promise<Result> {
  const { flags, positionals, terminal } = call
  if (positionals.length > 1 || positionals[0] !== STDIO || out !== STDIO || flags.on('json'))
    throw wrong('stdin goes to stdout: colorizer colorize - -o -, without --json and other inputs')
  const forFiles = FOR_FILES.find((name) => flags.given(name))
  if (forFiles !== undefined) throw wrong(`--${forFiles} is for photographs in files`)
  const setup = await readSetup(call)
  const late = new LatePainter(call, setup)
  try {
    const { painter, file } = await late.open()
    const bytes = await buffer(process.stdin)
    const hints = setup.hints && hintsFor(setup.hints, 'stdin', await photoSize(bytes, 'stdin'))
    const coloured = await colorizeFile(painter, bytes, 'stdin', { ...file, hints })
    if ('skipped' in coloured)
      terminal.say(`stdin is ${coloured.skipped}: it is passed on as it is without --recolor`)
    else for (const remark of coloured.remarks) terminal.warn(remark)
    for (const part of 'skipped' in coloured ? [bytes] : coloured.parts) process.stdout.write(part)
    return { json: null, code: EXIT.ok }
  } finally {
    late.close()
  }
}
