/** What `colorize` colours with, as its options say: read before any photograph, and put on the GPU when the first one comes. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { Gpu } from '../../device/gpu.ts'
import { UserError } from '../../errors.ts'
import type { Painter } from '../../infer/colorizer.ts'
import { leaningOf } from '../../infer/control.ts'
import { hintPainter } from '../../infer/hint-painter.ts'
import { expectHints } from '../../infer/hints.ts'
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
import { type Call, type Flags, wrong } from '../commands/command.ts'
import { fileOptions, makingOf } from '../commands/file-options.ts'
import { askedPrecision } from '../commands/precision.ts'
import { type Control, colourStrength, readControl } from './control.ts'

/** `--weights` of those who want no network. */
const NO_WEIGHTS = 'none'

/** A weight file. */
interface NetworkFile {
  readonly path: string
  readonly weights: WeightFile
  /** Its SHA-256. */
  readonly digest: string
}

export interface Setup extends Control {
  /** null where only hints colour. */
  readonly network: NetworkFile | null
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

/** Options that mean something to networks alone. */
const NETWORK_OPTIONS = [
  ...['class', 'like', 'temperature', 'variants', 'seed', 'size', 'smooth', 'mirror'],
  ...['classifier', 'classifier-fit', 'precision', 'subgroup-matrices'],
]

/** Reads hints, weights and classifier, in this order. Throws a `UserError` about the first that cannot be used. */
export async function readSetup(call: Call): Promise<Setup> {
  const { flags } = call
  fileOptions(flags)
  const hints = await readHints(flags.text('hints'))
  const isWithout = flags.text('weights') === NO_WEIGHTS
  const setup = isWithout ? hintsAlone(flags) : await networkSetup(call, hints)
  const like = flags.text('like')
  const values = {
    ...inOrder(flags.givenBut([...OTHER_OPTIONS, ...FILES])),
    ...{ weights: setup.network?.digest ?? NO_WEIGHTS, classifier: setup.classifier?.origin ?? null, hints },
    ...(like === undefined ? {} : { like: await sha256File(like) }),
  }
  const settings = createHash('sha256').update(JSON.stringify(values)).digest('hex').slice(0, 16)
  return { ...setup, hints, values, settings }
}

type Colouring = Omit<Setup, 'hints' | 'values' | 'settings'>

async function networkSetup(call: Call, hints: HintFile | undefined): Promise<Colouring> {
  const { flags } = call
  askedPrecision(flags)
  const path = flags.text('weights') ?? (await defaultWeights())
  const weights = await readWeights(path)
  expectTrained(path, weights)
  if (hints) expectHints(path, weights.network)
  const control = await readControl(flags, path, weights)
  const classifier = control.painting.told ? null : await classifierFor(path, weights.metadata, call)
  return { ...control, network: { path, weights, digest: await sha256File(path) }, classifier }
}

/** Without a network. Throws a `UserError` (exit code 2) when there are no hints, or something is asked of one. */
function hintsAlone(flags: Flags): Colouring {
  if (!flags.given('hints'))
    throw wrong(`--weights ${NO_WEIGHTS} colours from hints alone: give them with --hints FILE.json`)
  const option = NETWORK_OPTIONS.find((name) => flags.given(name))
  if (option !== undefined)
    throw wrong(`--${option} is for a network, and --weights ${NO_WEIGHTS} colours without one`)
  const painting = { ...colourStrength(flags), smooth: false, leaning: {} }
  return { painting, size: undefined, like: null, variants: null, network: null, classifier: null }
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
    const { network, like, painting } = this.setup
    const painter = network ? await this.#openNetwork(gpu, network) : hintPainter(gpu)
    const { flags } = this.call
    const file = { ...fileOptions(flags), ...painting }
    const making = makingOf(flags, network, painter, file)
    if (!network) return { painter, file: { ...file, making } }
    const { temperature } = painting.leaning ?? {}
    const leaning = await leaningOf(gpu, { name: network.path, ...network.weights }, { temperature, like })
    return { painter, file: { ...file, making, leaning } }
  }

  #openNetwork(gpu: Gpu, { weights }: NetworkFile): Promise<Painter> {
    const { flags } = this.call
    const { classifier, size } = this.setup
    const precision = precisionOn(gpu, askedPrecision(flags))
    return openPainter(gpu, weights, classifier, { precision, size, mirror: flags.on('mirror') })
  }

  close(): void {
    this.#gpu?.destroy()
  }
}
