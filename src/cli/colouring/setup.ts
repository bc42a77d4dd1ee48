/** What `colorize` colours with, as its options say: read before any photograph, and put on the GPU when the first one comes. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { Gpu } from '../../device/gpu.ts'
import { UserError } from '../../errors.ts'
import type { Painter } from '../../infer/colorizer.ts'
import { expectHints } from '../../infer/hints.ts'
import { coloursOf, expectBins } from '../../infer/leaning.ts'
import { type HintFile, parseHints } from '../../io/hints.ts'
import { expectTrained, type WeightFile } from '../../io/weights.ts'
import type { FileOptions } from '../../node/formats/colorize.ts'
import { mendOf } from '../../node/package.ts'
import { openPainter } from '../../node/painter.ts'
import type { ChosenClassifier } from '../../node/store/classifiers.ts'
import { sha256File } from '../../node/store/fetch.ts'
import { newestRun, weightsOf } from '../../node/store/runs.ts'
import { precisionOn } from '../../node/store/tuning.ts'
import { fileTrouble } from '../../node/trouble.ts'
import { readWeights, SHIPPED } from '../../node/weights.ts'
import { openAdapter } from '../commands/adapter.ts'
import { classifierFor } from '../commands/classifier.ts'
import type { Call } from '../commands/command.ts'
import { fileOptions, makingOf } from '../commands/file-options.ts'
import { askedPrecision } from '../commands/precision.ts'
import { type Control, readControl } from './control.ts'

export interface Setup extends Control {
  /** Of the weights. */
  readonly path: string
  readonly weights: WeightFile
  /** Their SHA-256. */
  readonly digest: string
  readonly classifier: ChosenClassifier | null
  readonly hints: HintFile | undefined
  /** All that decides what is made of a photograph. */
  readonly values: unknown
  /** Digest of them. */
  readonly settings: string
}

/** Options that do not change what is made of a photograph. */
const OTHER_OPTIONS = [
  ...['out', 'jobs', 'force', 'dry-run', 'watch', 'compare', 'sheet', 'report'],
  ...['adapter', 'json', 'quiet'],
]

/** Those that name files, which count by their content. */
const FILES = ['weights', 'classifier', 'like']

/** The same options mean the same, in whatever order they were typed. */
const inOrder = (options: object) =>
  Object.fromEntries(Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1)))

/** Reads weights, classifier and hints, in this order. Throws a `UserError` about the first that cannot be used. */
export async function readSetup(call: Call): Promise<Setup> {
  const { flags } = call
  askedPrecision(flags)
  fileOptions(flags)
  const hints = await readHints(flags.text('hints'))
  const path = flags.text('weights') ?? (await defaultWeights())
  const weights = await readWeights(path)
  expectTrained(path, weights)
  if (hints) expectHints(path, weights.network)
  const control = await readControl(flags, path, weights)
  const classifier = control.painting.told ? null : await classifierFor(path, weights.metadata, call)
  const like = flags.text('like')
  const digest = await sha256File(path)
  const values = {
    ...inOrder(flags.givenBut([...OTHER_OPTIONS, ...FILES])),
    ...{ weights: digest, classifier: classifier?.origin ?? null, hints },
    ...(like === undefined ? {} : { like: await sha256File(like) }),
  }
  const settings = createHash('sha256').update(JSON.stringify(values)).digest('hex').slice(0, 16)
  return { ...control, path, weights, digest, classifier, hints, values, settings }
}

/** The hints of --hints, if there are any. Throws a `UserError` (exit code 2) about the file. */
async function readHints(path: string | undefined): Promise<HintFile | undefined> {
  if (path === undefined) return undefined
  const text = await readFile(path, 'utf8').catch((error) => {
    throw fileTrouble('read', path, error, 'usage')
  })
  return parseHints(text, path)
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

/** What colours, and how. */
export interface Opened {
  readonly painter: Painter
  readonly file: FileOptions
}

/** The painter of a setup, opened when it is first asked for: a run that finds nothing to do needs no GPU. */
export class LatePainter {
  #gpu: Gpu | null = null
  #opened: Promise<Opened> | null = null

  constructor(
    private readonly call: Call,
    private readonly setup: Setup,
  ) {}

  /** The adapter, once it is open. */
  get gpu(): Gpu | null {
    return this.#gpu
  }

  /** Throws as `openAdapter` and `openPainter`. */
  open(): Promise<Opened> {
    this.#opened ??= this.#open()
    return this.#opened
  }

  async #open(): Promise<Opened> {
    const gpu = await openAdapter(this.call)
    this.#gpu = gpu
    const { weights, classifier, size, like, painting } = this.setup
    const { flags } = this.call
    const precision = precisionOn(gpu, askedPrecision(flags))
    const painter = await openPainter(gpu, weights, classifier, { precision, size })
    const file = { ...fileOptions(flags), ...painting }
    const making = makingOf(flags, this.setup, painter, file)
    if (!like) return { painter, file: { ...file, making } }
    const palette = await coloursOf(gpu, expectBins('these weights', weights.network), like)
    return { painter, file: { ...file, making, leaning: { ...painting.leaning, palette } } }
  }

  close(): void {
    this.#gpu?.destroy()
  }
}
