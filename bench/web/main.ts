/** `npm run bench:web`: the page and its network in a browser, and the same network in onnxruntime-web, in one run. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Flags, wrong } from '../../src/cli/commands/command.ts'
import { EXIT } from '../../src/cli/exit.ts'
import type { Terminal } from '../../src/cli/terminal.ts'
import { median } from '../../src/numbers.ts'
import { BROWSERS, type BrowserName, openBrowser } from '../../test/browser/browser.ts'
import { buildPage, bundle } from '../../test/browser/build.ts'
import { Files } from '../../test/browser/files.ts'
import { Host } from '../../test/browser/host.ts'
import { relativeError } from '../peers/agreement.ts'
import { start } from '../program.ts'
import { formatRows, type Row } from '../rows.ts'
import { networkFor } from './network.ts'
import { measurePage, type PageTimes } from './page.ts'
import type { Timed } from './program.ts'

const RUNS = 3
/** At which the shipped network looks at photographs of 3 : 2. */
const SIZE = { width: 192, height: 128 }
const LARGE = { width: 4000, height: 3000 }
const RECOMBINED_MEGAPIXELS = 4
/** Of the largest value: what two runtimes may make of the same network. */
const TOLERANCE = 1e-3

interface Measured {
  readonly browser: string
  readonly adapter: string
  readonly rows: readonly Row[]
}

interface Options {
  readonly browser: BrowserName
  readonly runs: number
}

async function measure(options: Options, terminal: Terminal): Promise<Measured> {
  const files = new Files()
  const folder = mkdtempSync(join(tmpdir(), 'colorizer-bench-'))
  const { model, inputs } = await networkFor(SIZE)
  const host = await Host.start({
    '/': { folder: buildPage(folder) },
    '/bench/': { body: '<!doctype html><title>bench</title><script type="module" src="/bench.js"></script>' },
    '/bench.js': { body: await bundle(new URL('program.ts', import.meta.url)) },
    '/network.onnx': { body: model },
    '/ort/': { folder: join(import.meta.dirname, 'node_modules/onnxruntime-web/dist') },
  })
  try {
    const large = await files.gradient('large.png', LARGE.width, LARGE.height)
    const onProgress = (what: string) => terminal.progress(`the page: ${what}`)
    const page = await measurePage(options.browser, {
      ...{ url: `${host.url}/`, large, runs: options.runs, onProgress },
    })
    const { rows, ...who } = await compare(options, { url: `${host.url}/bench/`, inputs, terminal })
    return { ...who, rows: [...rows, ...pageRows(page)] }
  } finally {
    await host.stop()
    files.remove()
    rmSync(folder, { recursive: true, force: true })
  }
}

type Comparing = { url: string; inputs: Awaited<ReturnType<typeof networkFor>>['inputs']; terminal: Terminal }

/** Ours and its peer take turns; the first run of each, which compiles shaders, does not count. */
async function compare(
  { browser: name, runs }: Options,
  { url, inputs, terminal }: Comparing,
): Promise<Measured> {
  const opened = await openBrowser(name)
  try {
    const page = await opened.browser.newPage()
    page.setDefaultTimeout(0)
    await page.goto(url)
    await page.waitForFunction(() => 'bench' in window)
    terminal.progress('the network: warming up')
    const adapter = await page.evaluate((size, inputs) => window.bench.openOurs(size, inputs), SIZE, inputs)
    const opening = await settled(page.evaluate((inputs) => window.bench.openPeer(inputs), inputs))
    const run = (who: 'ours' | 'peer') => page.evaluate((who) => window.bench.run(who), who)
    const ours: Timed[] = []
    const peer: Peer = {
      name: `onnxruntime-web ${opening.value ?? ''}`.trim(),
      runs: [],
      trouble: opening.trouble,
    }
    for (let i = 0; i <= runs; i++) {
      terminal.progress(`the network: run ${i} of ${runs}`)
      ours.push(await run('ours'))
      if (peer.trouble !== undefined) continue
      const { value, trouble } = await settled(run('peer'))
      if (value) peer.runs.push(value)
      peer.trouble = trouble
    }
    terminal.progress('recombination')
    const recombined = await page.evaluate((n) => window.bench.recombine(n), RECOMBINED_MEGAPIXELS)
    const rows = [
      rowOf(ours, peer),
      single('recombination of a megapixel', recombined / RECOMBINED_MEGAPIXELS),
    ]
    return { browser: await opened.browser.version(), adapter, rows }
  } finally {
    await opened.close()
  }
}

/** What came of a promise: its value, or in a line why there is none. */
const settled = <T>(promise: Promise<T>): Promise<{ value?: T; trouble?: string }> =>
  promise.then(
    (value) => ({ value }),
    (error) => ({ trouble: String(error).split('\n')[0]! }),
  )

interface Peer {
  readonly name: string
  readonly runs: Timed[]
  trouble: string | undefined
}

/** Where the peer fails, what was measured here stands alone. */
function rowOf(ours: readonly Timed[], peer: Peer): Row {
  const work = `the network, ${SIZE.width} × ${SIZE.height}`
  const time = (all: readonly Timed[]) => median(all.slice(1).map(({ milliseconds }) => milliseconds))
  if (peer.trouble !== undefined)
    return { ...single(work, time(ours)), peerName: peer.name, trouble: peer.trouble }
  const [a, b] = [ours, peer.runs].map(([first]) => Float32Array.from(first!.ab))
  const times = { ours: time(ours), peer: time(peer.runs), ratio: time(peer.runs) / time(ours) }
  return { work, ...times, peerName: peer.name, difference: relativeError(a!, b!) }
}

const single = (work: string, ours: number): Row => {
  return { work, ours, peer: null, peerName: '', ratio: null, difference: null }
}

const pageRows = ({ cold, warm, picture, frame }: PageTimes) => [
  single('from navigation to the first colours, first visit', cold),
  single('from navigation to the first colours, later visits', warm),
  single('a picture in colours', picture),
  single("a slider's frame with 12 megapixels, main thread", frame),
]

function optionsOf(flags: Flags): Options {
  const wanted = flags.text('browser') ?? BROWSERS[0]!
  const browser = BROWSERS.find((name) => name === wanted)
  if (!browser) throw wrong(`--browser is ${BROWSERS.join(' or ')}, not "${wanted}"`)
  return { browser, runs: flags.integer('runs') ?? RUNS }
}

await start({
  name: 'bench:web',
  summary: 'the page in a headless browser, and its network next to onnxruntime-web, taking turns in one run',
  positionals: '',
  options: {
    browser: { value: 'NAME', help: `${BROWSERS.join(' or ')} (${BROWSERS[0]})` },
    runs: {
      value: 'N',
      help: `later visits, and runs of each network after a first one that does not count (${RUNS})`,
    },
  },
  notes: `Medians. Both compute the shipped network from the same weights, from arrays to arrays, on the same adapter, which is
software; outputs have to agree to ${TOLERANCE} of the largest value: exit code 1 otherwise, and where the peer does not run.`,
  async run(flags, positionals, terminal) {
    if (positionals.length) throw wrong(`"${positionals[0]}": the benchmark takes options only`)
    const measured = await measure(optionsOf(flags), terminal)
    const { browser, adapter, rows } = measured
    const isFine = rows.every(
      ({ difference, trouble }) => (difference ?? 0) <= TOLERANCE && trouble === undefined,
    )
    return {
      json: measured,
      text: formatRows(`${browser}, ${adapter}`, rows),
      code: isFine ? EXIT.ok : EXIT.someInputFailed,
    }
  },
})
