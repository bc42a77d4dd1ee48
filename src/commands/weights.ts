import { EXIT } from '../errors.ts'
import {
  cacheFolder,
  claimPart,
  inspect,
  type KnownFile,
  knownFiles,
  pathOf,
  readManifest,
  settle,
} from '../io/cache.ts'
import { download } from '../io/fetch.ts'
import { importFile } from '../io/import-weights.ts'
import { bar, duration } from '../terminal.ts'
import { type Call, type Command, type Result, wrong } from './command.ts'

type Action = (call: Call, manifest: readonly KnownFile[]) => Promise<Result>

const ACTIONS: Readonly<Record<string, { readonly args: number; readonly run: Action }>> = {
  list: { args: 0, run: list },
  fetch: { args: 1, run: fetchNamed },
  verify: { args: 0, run: verify },
  import: { args: 1, run: importOne },
}

export const weightsCommand: Command = weightsCommandOf(readManifest)

/** The command over another table of known files: for tests. */
export function weightsCommandOf(manifest: () => readonly KnownFile[]): Command {
  return {
    summary: 'lists, fetches, checks and imports weights',
    positionals: 'list | fetch NAME | verify | import FILE',
    options: {
      url: { value: 'URL', help: 'fetch: from there instead of the public locations' },
      name: { value: 'NAME', help: "import: the name for a file of one's own, that --classifier then takes" },
    },
    examples: [
      'colorizer weights list',
      'colorizer weights fetch inception-resnet-v2',
      'colorizer weights import inception_resnet_v2_Opset16.onnx',
      'colorizer weights import mine.onnx --name mine',
    ],
    async run(call) {
      const [name, ...rest] = call.positionals
      const choices = Object.keys(ACTIONS).join(', ')
      if (name === undefined) throw wrong(`weights needs one of ${choices}; --help shows how`)
      const action = Object.hasOwn(ACTIONS, name) ? ACTIONS[name]! : null
      if (!action) throw wrong(`there is no "weights ${name}": choose one of ${choices}`)
      if (rest.length !== action.args) {
        throw wrong(
          `weights ${name} takes ${action.args ? 'one argument' : 'no arguments'}, not ${rest.length}`,
        )
      }
      for (const [flag, owner] of [
        ['url', 'fetch'],
        ['name', 'import'],
      ] as const) {
        if (call.flags.text(flag) !== undefined && name !== owner)
          throw wrong(`--${flag} is for weights ${owner}`)
      }
      return action.run({ ...call, positionals: rest }, manifest())
    },
  }
}

async function list(_call: Call, manifest: readonly KnownFile[]): Promise<Result> {
  const rows = await inspectAll(manifest)
  const text = [...table(rows), '', `cache: ${cacheFolder()}`].join('\n')
  return { json: { cache: cacheFolder(), files: rows }, text, code: EXIT.ok }
}

async function verify(_call: Call, manifest: readonly KnownFile[]): Promise<Result> {
  const rows = await inspectAll(manifest)
  const bad = rows.filter(
    (row) => row.state === 'corrupt' || (row.state === 'missing' && row.place === 'shipped'),
  )
  const counts = `${rows.filter(({ state }) => state === 'ok').length} right, ${bad.length} wrong`
  const advice = bad.map(({ path, place }) =>
    place === 'shipped'
      ? `install the package again: ${path}`
      : `remove ${path} and fetch or import it again`,
  )
  return {
    json: { cache: cacheFolder(), files: rows, passed: bad.length === 0 },
    text: [...table(rows), '', counts, ...advice].join('\n'),
    code: bad.length ? EXIT.badWeightsOrRecords : EXIT.ok,
  }
}

interface Row {
  readonly name: string
  readonly kind: string
  readonly file: string
  readonly bytes: number
  readonly sha256: string
  readonly licence: string
  readonly what: string
  readonly path: string
  /** Where it is kept. */
  readonly place: 'shipped' | 'cache'
  readonly state: 'ok' | 'missing' | 'corrupt'
  /** Whether there is a place to fetch it from. */
  readonly fetchable: boolean
  readonly why?: string
}

async function inspectAll(manifest: readonly KnownFile[]): Promise<Row[]> {
  const rows: Row[] = []
  for (const known of knownFiles(manifest)) {
    const { shipped, locations, ...rest } = known
    const place = shipped ? 'shipped' : 'cache'
    rows.push({ ...rest, place, fetchable: locations.length > 0, ...(await inspect(known)) })
  }
  return rows
}

function table(rows: readonly Row[]): string[] {
  const cells = rows.map((row) => [row.name, row.file, size(row.bytes), stateOf(row)])
  const widths = [0, 1, 2].map((i) => Math.max(...cells.map((cell) => cell[i]!.length)))
  return cells.map(([name, file, bytes, state]) =>
    [name!.padEnd(widths[0]!), file!.padEnd(widths[1]!), bytes!.padStart(widths[2]!), state!].join('  '),
  )
}

function stateOf({ state, place, fetchable, why }: Row): string {
  if (state === 'ok') return `${place === 'shipped' ? 'shipped' : 'cached'}, checksum right`
  if (state === 'corrupt') return `CORRUPT: ${why}`
  if (place === 'shipped') return 'MISSING from the package'
  return fetchable ? 'not here, can be fetched or imported' : 'not here, can be imported'
}

async function fetchNamed(call: Call, manifest: readonly KnownFile[]): Promise<Result> {
  const { name, candidates, urls } = wanted(call, manifest)
  for (const known of candidates) {
    const { state, path } = await inspect(known)
    if (state === 'ok') return brought(known, `${name} is here already: ${path}`)
  }
  const [first] = candidates as [KnownFile]
  const onProgress = meter(name, first.bytes, call.terminal.progress)
  const part = await claimPart(first.file)
  const sha256 = await download({
    ...{ name, urls, part, bytes: first.bytes, sha256: candidates.map((known) => known.sha256) },
    ...{
      advice: 'bring a copy with colorizer weights import FILE',
      signal: call.interrupted,
      onProgress,
    },
  })
  const known = candidates.find((candidate) => candidate.sha256 === sha256)!
  return brought(known, `${name} → ${await settle(part, known)}`)
}

/** What may be fetched under the name, the likeliest first, and from where. */
function wanted({ positionals, flags }: Call, manifest: readonly KnownFile[]) {
  const name = positionals[0]!
  const url = checkedUrl(flags.text('url'))
  const named = manifest.filter((known) => known.name === name)
  const first = named.find(({ file }) => url?.pathname.endsWith(`/${file}`)) ?? named[0]
  if (!first) {
    const names = [...new Set(manifest.map((known) => known.name))].join(', ')
    throw wrong(`no known weights are called "${name}": choose one of ${names}`)
  }
  if (!url && !first.shipped && first.locations.length === 0) {
    throw wrong(
      `${name} has no public location: name one with --url, or bring a file with weights import FILE`,
    )
  }
  // without --url it is the first one that the locations are of
  const others = url ? named.filter((known) => known !== first && known.bytes === first.bytes) : []
  return { name, candidates: [first, ...others], urls: url ? [url.href] : first.locations }
}

function checkedUrl(text: string | undefined): URL | null {
  if (text === undefined) return null
  const url = URL.canParse(text) ? new URL(text) : null
  if (url && ['http:', 'https:'].includes(url.protocol)) return url
  throw wrong(`--url ${text}: expected an address that begins with http:// or https://`)
}

async function importOne({ positionals, flags }: Call, manifest: readonly KnownFile[]): Promise<Result> {
  const file = positionals[0]!
  const known = await importFile(file, flags.text('name'), manifest)
  const where = known.shipped ? 'comes with the package, nothing was copied' : `→ ${pathOf(known)}`
  return brought(known, `${file} is ${known.name} ${where}`)
}

function brought(known: KnownFile, text: string): Result {
  const { name, kind, file, bytes, sha256 } = known
  return { json: { name, kind, file, bytes, sha256, path: pathOf(known) }, text, code: EXIT.ok }
}

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1)
const size = (bytes: number) => (bytes < 1e5 ? `${(bytes / 1e3).toFixed(1)} kB` : `${megabytes(bytes)} MB`)

/** Draws "━━━━──── 60%  12.3 of 20.5 MB · 4.1 MB/s · 2 s left" a few times a second. */
function meter(name: string, totalBytes: number, draw: (state: string) => void) {
  let begun: { readonly at: number; readonly bytes: number } | null = null
  let drawnAt = 0
  return (doneBytes: number) => {
    const now = performance.now()
    if (!begun || doneBytes < begun.bytes) begun = { at: now, bytes: doneBytes } // the server began anew
    if (now - drawnAt < 100 && doneBytes < totalBytes) return
    drawnAt = now
    const bytesPerSecond = (doneBytes - begun.bytes) / ((now - begun.at) / 1000)
    const left = (totalBytes - doneBytes) / bytesPerSecond
    const speed = bytesPerSecond > 0 ? ` · ${size(bytesPerSecond)}/s · ${duration(left)} left` : ''
    draw(`${bar(doneBytes / totalBytes)} ${name} ${megabytes(doneBytes)} of ${size(totalBytes)}${speed}`)
  }
}
