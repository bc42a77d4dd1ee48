/** Options of `colorizer queue`: the server, and what its pictures are made with. */
import { UserError } from '../../errors.ts'
import { connect, redacted, serverAddress } from '../../queue/connection.ts'
import type { QueueSettings } from '../../queue/ledger.ts'
import { difference, PictureQueue } from '../../queue/queue.ts'
import { Roots } from '../../queue/roots.ts'
import { VERSION } from '../../version.ts'
import { CONTROL_OPTIONS } from '../colouring/control.ts'
import type { Setup } from '../colouring/setup.ts'
import { CLASSIFIERS_OPTIONS } from '../commands/classifier.ts'
import { type Call, Flags, inGroup, type Option, wrong } from '../commands/command.ts'
import { FILE_OPTIONS } from '../commands/file-options.ts'
import { PRECISION_OPTIONS } from '../commands/precision.ts'

export const QUEUE = 'colorizer'

export const SERVER_OPTIONS: Readonly<Record<string, Option>> = {
  redis: {
    value: 'URL',
    help: 'the server, redis://HOST:PORT or rediss://HOST:PORT (default: REDIS_URL, else this machine); a password goes into REDIS_URL, REDIS_PASSWORD or --redis-file',
  },
  'redis-file': {
    value: 'FILE',
    help: 'a file whose first line is the URL of the server, with user and password',
  },
  queue: { value: 'NAME', help: `one of several queues on the server (default ${QUEUE})` },
  root: {
    value: 'DIR',
    many: true,
    help: 'folder that all machines share, below which photographs and results lie (default: the current one), and s3://BUCKET/PREFIX for each bucket that may be used',
  },
}

/** Hints are for single photographs. */
const { hints: _hints, ...CONTROL } = CONTROL_OPTIONS

/** What decides how every picture of the queue looks. */
export const PAINTING_OPTIONS: Readonly<Record<string, Option>> = {
  ...CONTROL,
  ...FILE_OPTIONS,
  ...inGroup('Network and speed', {
    weights: {
      value: 'FILE',
      help: 'weights or a checkpoint (default: the shipped ones); workers name the same file where it is not at its usual place',
    },
    ...CLASSIFIERS_OPTIONS,
    ...PRECISION_OPTIONS,
  }),
}

/** Files, which have other places on other machines: each worker names its own, and must have the same ones. */
const FILES = ['weights', 'like', 'classifier', 'trunk']

/** Of a call the options of these names. */
export function onlyFlags({ flags }: Call, names: readonly string[]): Flags {
  return new Flags(flags.givenBut(Object.keys(flags.givenBut(names))))
}

/** Of a call the options that decide about pictures. */
export const paintingFlags = (call: Call): Flags =>
  ofOneClassifier(onlyFlags(call, Object.keys(PAINTING_OPTIONS)))

/** The same for a worker: the queue's, but files and adapter are its own. */
export function workerFlags(call: Call, queue: QueueSettings): Flags {
  const own = onlyFlags(call, [...FILES, 'adapter'])
  return new Flags({ ...queue.flags, ...own.givenBut([]) })
}

/** Records have vectors of any number of classifiers, but one tells a colouring what is in a photograph. Throws for more. */
export function ofOneClassifier(flags: Flags): Flags {
  const [classifier, ...more] = flags.texts('classifier')
  if (more.length) throw wrong('--classifier is given more than once: only prepare takes several')
  return new Flags({ ...flags.givenBut(['classifier']), ...(classifier === undefined ? {} : { classifier }) })
}

/** What the server is told of a setup. */
export const queueSettings = (flags: Flags, { settings, values }: Setup): QueueSettings => ({
  ...{ task: 'colorize', version: VERSION, digest: settings },
  ...{ flags: toldFlags(flags), values: { ...(values as object) } },
})

/** Those that workers are told of: files have other places on other machines. */
export function toldFlags(flags: Flags): QueueSettings['flags'] {
  const isFile = (name: string) => flags.texts(name).some((text) => /[\\/]|\.\w+$/.test(text))
  const told = Object.entries(flags.givenBut(FILES.filter(isFile)))
  return Object.fromEntries(told.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])))
}

/** Throws a `UserError` where a worker has other settings than the queue. */
export function expectSame(queue: QueueSettings, own: QueueSettings): void {
  const what = difference(queue, own)
  if (what === '') return
  throw new UserError(
    `this worker is refused: the queue is for other settings than it has (${what}): use the same version, and name the same files with --weights, --classifier, --trunk and --like`,
    'usage',
  )
}

/** As words of a command line. */
export function wordsOf(flags: Flags): string[] {
  return Object.entries(flags.givenBut([])).flatMap(([name, value]) => {
    if (value === true) return [`--${name}`]
    return flags.texts(name).map((text) => `--${name}=${text}`)
  })
}

export const rootsOf = ({ flags }: Call): Roots => new Roots(flags.texts('root'))

/** Runs `work` with the queue of the options, and closes the connection behind it. */
export async function withQueue<T>(
  { flags, terminal }: Call,
  work: (queue: PictureQueue) => Promise<T>,
): Promise<T> {
  const address = await serverAddress({ url: flags.text('redis'), file: flags.text('redis-file') })
  const server = await connect(address, (sentence) => terminal.warn(sentence))
  try {
    const queue = new PictureQueue(server, flags.text('queue') ?? QUEUE)
    return await work(queue).finally(() => queue.close())
  } catch (error) {
    if (error instanceof Error) error.message = redacted(error.message, address)
    throw error
  } finally {
    server.close()
  }
}
