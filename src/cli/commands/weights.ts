import { stat } from 'node:fs/promises'
import { extname } from 'node:path'
import type { KnownFile } from '../../io/manifest.ts'
import { identity } from '../../node/files.ts'
import {
  formatBytes,
  formatInventory,
  type InventoryRow,
  isClassifier,
  remedyOf,
  showPhotographs,
  takeInventory,
} from '../../node/inventory.ts'
import { cacheFolder, claimPart, inspect, pathOf, readManifest, settle } from '../../node/store/cache.ts'
import { EXPORT_BITS, exportWeights } from '../../node/store/export-weights.ts'
import { download, sha256File } from '../../node/store/fetch.ts'
import { importFile } from '../../node/store/import-weights.ts'
import { EXIT } from '../exit.ts'
import { bar, duration } from '../terminal.ts'
import { openAdapter } from './adapter.ts'
import { type Call, type Command, type Option, type Result, wrong } from './command.ts'

type Action = (call: Call, manifest: readonly KnownFile[]) => Promise<Result>

const ACTIONS: Readonly<Record<string, { readonly args: number; readonly run: Action }>> = {
  list: { args: 0, run: list },
  fetch: { args: 1, run: fetchNamed },
  verify: { args: 0, run: verify },
  import: { args: 1, run: importOne },
  export: { args: 2, run: exportOne },
}

/** Which action each option is for. */
const OWNERS = {
  url: 'fetch',
  name: 'import',
  photos: 'verify',
  average: 'export',
  bits: 'export',
  'class-strength': 'export',
  saturation: 'export',
  temperature: 'export',
  'gray-odds': 'export',
  'purple-odds': 'export',
  'red-odds': 'export',
  'chroma-odds': 'export',
  'class-smoothing': 'export',
  size: 'export',
}

const OPTIONS: Readonly<Record<string, Option>> = {
  url: { value: 'URL', help: 'fetch: from there instead of the public locations' },
  photos: { help: 'verify: also shows ten sample photographs to every classifier: is it a trained one?' },
  name: {
    value: 'NAME',
    help: "import: the name for a classifier of one's own (.onnx), that --classifier then takes",
  },
  average: {
    value: 'FILE',
    many: true,
    help: 'export: writes the mean with these weights, of trainings that began with the same ones (`train --init`); may be given more than once',
  },
  bits: {
    value: EXPORT_BITS.join('|'),
    help: 'export: bits of a value; 8 halves the file once more and changes colours by next to nothing (default 16)',
  },
  'class-strength': {
    value: 'F',
    help: 'export: multiplies what the class vector does to the colours (default 1)',
  },
  'class-smoothing': {
    value: 'F',
    help: 'export: spreads what each class does over its neighbours, by a standard deviation of F classes (default 0)',
  },
  saturation: {
    value: 'F',
    help: 'export: what a* and b* are multiplied by unless told otherwise (default: the file does not say; `colorize --help` says what that means)',
  },
  temperature: {
    value: 'F',
    help: 'export: divides what a head of bins says of each colour before it becomes probabilities; above 1 for a network that is too sure of itself (default 1)',
  },
  'gray-odds': {
    value: 'F',
    help: 'export: multiplies the odds that a place has no colour, in a head of bins; above 1, what may be white or grey is tinted less (default 1)',
  },
  'purple-odds': {
    value: 'F',
    help: 'export: multiplies the odds of deep blue, violet, purple and pink, in a head of bins; below 1, there are fewer false patches of them (default 1)',
  },
  'red-odds': {
    value: 'F',
    help: 'export: multiplies the odds of red, in a head of bins; below 1, there are fewer false patches of it (default 1)',
  },
  'chroma-odds': {
    value: 'F',
    help: 'export: multiplies the odds of each colour by F to the power of its chroma / 100, in a head of bins; above 1, strong colours are likelier (default 1)',
  },
  size: {
    value: 'PX',
    help: 'export: shorter side at which pictures are shown to the network (default: as in training)',
  },
}

export const weightsCommand: Command = weightsCommandOf(readManifest)

/** The command over another table of known files: for tests. */
export function weightsCommandOf(manifest: () => readonly KnownFile[]): Command {
  return {
    summary: 'lists, fetches, checks, imports and exports weights',
    positionals: 'list | fetch NAME | verify | import FILE | export FILE OUT.safetensors',
    options: OPTIONS,
    examples: [
      'colorizer weights list',
      'colorizer weights fetch inception-resnet-v2',
      'colorizer weights import inception_resnet_v2_Opset16.onnx',
      'colorizer weights import mine.onnx --name mine',
      'colorizer weights export runs/mine/best.safetensors mine.safetensors --bits 8',
      'colorizer weights export runs/a/best.safetensors mean.safetensors --average runs/b/best.safetensors',
    ],
    async run(call) {
      const [name, ...rest] = call.positionals
      const choices = Object.keys(ACTIONS).join(', ')
      if (name === undefined) throw wrong(`weights needs one of ${choices}; --help shows how`)
      const action = Object.hasOwn(ACTIONS, name) ? ACTIONS[name]! : null
      if (!action) throw wrong(`there is no "weights ${name}": choose one of ${choices}`)
      if (rest.length !== action.args) {
        throw wrong(
          `weights ${name} takes ${['no arguments', 'one argument', 'two arguments'][action.args]}, not ${rest.length}`,
        )
      }
      for (const [flag, owner] of Object.entries(OWNERS)) {
        if (call.flags.given(flag) && name !== owner) throw wrong(`--${flag} is for weights ${owner}`)
      }
      return action.run({ ...call, positionals: rest }, manifest())
    },
  }
}

async function list(_call: Call, manifest: readonly KnownFile[]): Promise<Result> {
  const rows = await takeInventory(manifest)
  const text = [...formatInventory(rows), '', `cache: ${cacheFolder()}`].join('\n')
  return { json: { cache: cacheFolder(), files: rows }, text, code: EXIT.ok }
}

async function verify(call: Call, manifest: readonly KnownFile[]): Promise<Result> {
  const inventory = await takeInventory(manifest)
  const rows = call.flags.on('photos') ? await withPhotographs(inventory, call) : inventory
  const remedies = rows.map(remedyOf).filter((remedy) => remedy !== null)
  const right = rows.filter((row) => row.state === 'ok' && remedyOf(row) === null).length
  const counts = `${right} right, ${remedies.length} wrong`
  const code = remedies.length ? EXIT.badWeightsOrRecords : EXIT.ok
  return {
    json: { cache: cacheFolder(), files: rows, passed: remedies.length === 0 },
    text: [...formatInventory(rows), '', counts, ...remedies].join('\n'),
    code: call.interrupted.aborted ? EXIT.interrupted : code,
  }
}

async function withPhotographs(rows: readonly InventoryRow[], call: Call): Promise<InventoryRow[]> {
  const gpu = await openAdapter(call)
  try {
    const shown: InventoryRow[] = []
    for (const row of rows) {
      const isWanted = isClassifier(row) && !call.interrupted.aborted
      if (isWanted) call.terminal.progress(`showing photographs to ${row.name}`)
      shown.push(isWanted ? await showPhotographs(gpu, row) : row)
    }
    return shown
  } finally {
    gpu.destroy()
  }
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

async function exportOne({ positionals, flags }: Call): Promise<Result> {
  const [from, to] = positionals as [string, string]
  if (extname(to) !== '.safetensors') throw wrong(`weights export ${to}: its name must end in .safetensors`)
  const average = flags.texts('average')
  const there = await identity(to)
  for (const file of [from, ...average])
    if (there !== null && there === (await identity(file)))
      throw wrong(`weights export ${to} would overwrite what it reads`)
  const values = await exportWeights(from, to, {
    average,
    bits: flags.choice('bits', EXPORT_BITS),
    classStrength: flags.number('class-strength'),
    classSmoothing: flags.number('class-smoothing', { max: 100 }),
    saturation: flags.number('saturation'),
    temperature: flags.number('temperature', { exclusive: true }),
    grayOdds: flags.number('gray-odds', { exclusive: true }),
    purpleOdds: flags.number('purple-odds', { exclusive: true }),
    redOdds: flags.number('red-odds', { exclusive: true }),
    chromaOdds: flags.number('chroma-odds', { exclusive: true }),
    size: flags.integer('size', { min: 8, multipleOf: 8 }),
  })
  const [{ size }, sha256] = [await stat(to), await sha256File(to)]
  return {
    json: { file: to, values, bytes: size, sha256 },
    text: `${[from, ...average].join(' + ')} → ${to}: ${values} values, ${formatBytes(size)}`,
    code: EXIT.ok,
  }
}

function brought(known: KnownFile, text: string): Result {
  const { name, kind, file, bytes, sha256 } = known
  return { json: { name, kind, file, bytes, sha256, path: pathOf(known) }, text, code: EXIT.ok }
}

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1)
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
    const speed = bytesPerSecond > 0 ? ` · ${formatBytes(bytesPerSecond)}/s · ${duration(left)} left` : ''
    draw(
      `${bar(doneBytes / totalBytes)} ${name} ${megabytes(doneBytes)} of ${formatBytes(totalBytes)}${speed}`,
    )
  }
}
