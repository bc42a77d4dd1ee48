import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { UserError } from '../../errors.ts'
import { colorizePhoto, type Painter, type PaintOptions } from '../../infer/colorizer.ts'
import { expectHints } from '../../infer/hints.ts'
import { type HintFile, hintsFor, parseHints } from '../../io/hints.ts'
import { expectTrained } from '../../io/weights.ts'
import { encode, imageFormat, outputFormat, readPhoto } from '../../node/image.ts'
import { mendOf } from '../../node/package.ts'
import { openPainter } from '../../node/painter.ts'
import { findEach } from '../../node/photos.ts'
import { saveFile } from '../../node/save.ts'
import { Sheet, type SheetRow, sheetFormat } from '../../node/sheet.ts'
import { newestRun, weightsOf } from '../../node/store/runs.ts'
import { precisionOn } from '../../node/store/tuning.ts'
import { fileTrouble } from '../../node/trouble.ts'
import { readWeights, SHIPPED } from '../../node/weights.ts'
import { type ColorizeOptions, type Coloured, colorizeFile, isFile, planOutputs } from '../colorize-files.ts'
import { EXIT } from '../exit.ts'
import { bar } from '../terminal.ts'
import { openAdapter } from './adapter.ts'
import { CLASSIFIER_OPTIONS, classifierFor } from './classifier.ts'
import { type Call, type Command, exitCode, type Result, wrong } from './command.ts'
import { checkPicture } from './picture.ts'
import { askedPrecision, PRECISION_OPTIONS } from './precision.ts'

const STDIO = '-'
const SHEET_ROWS = 100

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
    saturation: {
      value: 'F',
      help: 'multiplies a* and b* (default: as the weights say, else 1 where the network gives probabilities and 1.2 where it does not); 0 is grey',
    },
    hints: {
      value: 'FILE.json',
      help: 'colours that are told of places of a single photograph, of which the network makes the others; docs/hints.md has the format',
    },
    smooth: {
      help: 'smooths the colours along the lightness by optimization (Levin et al. 2004), against blotches; slower',
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
    const piped = positionals.includes(STDIO) || out === STDIO
    if (piped && (positionals.length > 1 || positionals[0] !== STDIO || out !== STDIO || flags.on('json'))) {
      throw wrong('stdin goes to stdout: colorizer colorize - -o -, without --json and other inputs')
    }
    if (piped && flags.text('sheet') !== undefined) throw wrong('--sheet is for photographs in files')
    const painting = { saturation: flags.number('saturation'), smooth: flags.on('smooth') }
    const hints = await readHints(flags.text('hints'))
    if (piped) return withPainter(call, (painter) => colorizePipe(painter, painting, hints))
    const inputs = await findInputs(call, out)
    return withPainter(call, (painter) => colorizeFiles(painter, inputs, { out, painting, hints, call }))
  },
}

/** The hints of --hints, if there are any. Throws a `UserError` (exit code 2) about the file. */
async function readHints(path: string | undefined): Promise<HintFile | undefined> {
  if (path === undefined) return undefined
  const text = await readFile(path, 'utf8').catch((error) => {
    throw fileTrouble('read', path, error, 'usage')
  })
  return parseHints(text, path)
}

/** Opens weights, classifier and adapter, in this order, so that a bad file is reported before the GPU is opened. */
async function withPainter<T>(call: Call, work: (painter: Painter) => Promise<T>): Promise<T> {
  const { flags } = call
  const asked = askedPrecision(flags)
  const path = flags.text('weights') ?? (await defaultWeights())
  const weights = await readWeights(path)
  expectTrained(path, weights)
  if (flags.text('hints') !== undefined) expectHints(path, weights.network)
  const chosen = await classifierFor(path, weights.metadata, call)
  const gpu = await openAdapter(call)
  try {
    return await work(await openPainter(gpu, weights, chosen, precisionOn(gpu, asked)))
  } finally {
    gpu.destroy()
  }
}

export async function defaultWeights(): Promise<string> {
  if (existsSync(SHIPPED)) return SHIPPED
  const run = await newestRun()
  if (run !== null) return weightsOf(run)
  throw new UserError(
    `${SHIPPED} is missing; ${mendOf(SHIPPED)}, or name other weights with --weights`,
    'weights',
  )
}

type Inputs = Awaited<ReturnType<typeof findEach>>

/** Finds the photographs. Throws a `UserError` (exit code 2) when --hints or a single file as `out` is for one, and there are more. */
async function findInputs({ positionals, flags }: Call, out: string): Promise<Inputs> {
  const found = await findEach(positionals)
  const count = found.photos.length + found.failures.length
  const hints = flags.text('hints')
  if (hints !== undefined && count > 1)
    throw wrong(`--hints ${hints} are for one photograph, but there are ${count} inputs`)
  if (!(await isFile(out))) return found
  imageFormat(out)
  if (count > 1) throw wrong(`-o ${out} is one file, but there are ${count} inputs: name a folder instead`)
  return found
}

async function colorizeFiles(
  painter: Painter,
  { photos, failures }: Inputs,
  { call, ...asked }: Pick<ColorizeOptions, 'out' | 'painting' | 'hints'> & { call: Call },
): Promise<Result> {
  const { flags, terminal, interrupted } = call
  const results: Coloured[] = [...failures]
  const file = flags.text('sheet')
  if (file !== undefined) await checkPicture('sheet', file, photos)
  const sheet = new Sheet(file === undefined ? 0 : SHEET_ROWS)
  const options = {
    ...asked,
    compare: flags.on('compare'),
    onColoured: (row: SheetRow) => sheet.add(row),
  }
  const outputs = await planOutputs(photos, options)
  if (
    file !== undefined &&
    outputs.some((output) => typeof output === 'string' && resolve(output) === resolve(file))
  )
    throw wrong(`--sheet ${file} would overwrite a coloured picture`)
  for (const [i, photo] of photos.entries()) {
    if (interrupted.aborted) break
    terminal.progress(`${bar(i / photos.length)} ${i + 1} of ${photos.length} · ${photo.relative}`)
    results.push(await colorizeFile(painter, photo, outputs[i]!, options))
  }
  const failed = results.filter((result) => 'error' in result)
  for (const { error } of failed) terminal.warn(error)
  const done = results.length - failed.length
  const drawn = file !== undefined && sheet.length > 0 ? file : null
  if (drawn !== null) await saveFile(drawn, await sheet.draw(sheetFormat(drawn)))
  const told = `coloured ${done} of ${results.length} → ${asked.out}`
  return {
    json: { files: results, ...(drawn === null ? {} : { sheet: drawn }) },
    text: done || !failed.length ? [told, ...(drawn === null ? [] : [drawn])].join('\n') : '',
    code: exitCode(interrupted.aborted, failed.length),
  }
}

/** stdin → stdout, in the format that came in where it can be written, else PNG. */
async function colorizePipe(painter: Painter, painting: PaintOptions, file: HintFile | undefined) {
  const bytes = await buffer(process.stdin)
  const photo = await readPhoto(bytes, 'stdin')
  const hints = file && hintsFor(file, 'stdin', photo)
  const { photo: coloured } = await colorizePhoto(painter, photo, { ...painting, hints })
  process.stdout.write(await encode(coloured, outputFormat(bytes)))
  return { json: null, code: EXIT.ok }
}
