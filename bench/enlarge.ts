/** `npm run bench:enlarge`: how near the ways to enlarge colours come to the colours of photographs. */

import { type Flags, wrong } from '../src/cli/commands/command.ts'
import { EXIT } from '../src/cli/exit.ts'
import type { SmallAb } from '../src/color/guided.ts'
import type { Photo } from '../src/color/photo.ts'
import type { Gpu } from '../src/device/gpu.ts'
import { wantedClassifier } from '../src/infer/colorizer.ts'
import { trainedWith } from '../src/io/weights.ts'
import { readPhoto } from '../src/node/image.ts'
import { openPainter } from '../src/node/painter.ts'
import { findPhotos } from '../src/node/photos.ts'
import { chooseClassifier } from '../src/node/store/classifiers.ts'
import { openTunedGpu } from '../src/node/store/tuning.ts'
import { readWeights, SHIPPED } from '../src/node/weights.ts'
import { mean } from '../src/numbers.ts'
import { type EdgeErrors, edgeErrors, ownColours, truthOf } from './edges.ts'
import { WAYS } from './enlargements.ts'
import { type Program, start } from './program.ts'

/** What one way made of one photograph. */
interface Measured extends EdgeErrors {
  /** Seconds of all the processor's cores for a megapixel. */
  readonly cpu: number
}

type Name = keyof typeof WAYS
const NAMES = Object.keys(WAYS) as Name[]

const program: Program = {
  name: 'bench:enlarge',
  summary: 'compares the ways to bring the colours of a network to full size',
  positionals: 'PHOTOS…',
  options: {
    weights: { value: 'FILE', help: 'weights or a checkpoint (default: the shipped ones)' },
    own: {
      value: 'N',
      help: "takes, in place of a network's colours, the photograph's own, averaged over cells, N along the shorter side",
    },
    limit: { value: 'N', help: 'takes only the first N photographs' },
  },
  notes:
    'Errors are ab errors (docs/metrics.md) before saturation and gamut; "near edges" is defined in docs/enlargement.md.',

  async run(flags, positionals, terminal) {
    if (!positionals.length) throw wrong('bench:enlarge needs photographs')
    const photos = (await findPhotos(positionals)).slice(0, flags.integer('limit'))
    const gpu = await openTunedGpu({ adapter: flags.text('adapter') }, terminal.warn)
    try {
      const colours = await coloursBy(gpu, flags)
      const results: Record<Name, Measured>[] = []
      for (const [i, { path }] of photos.entries()) {
        terminal.progress(`${i + 1} of ${photos.length} · ${path}`)
        const photo = await readPhoto(path)
        results.push(await measureAll(gpu, photo, await colours(photo)))
      }
      return { json: summary(results), text: table(results), code: EXIT.ok }
    } finally {
      gpu.destroy()
    }
  },
}

/** What gives a photograph the small colours that are to be enlarged. */
async function coloursBy(gpu: Gpu, flags: Flags): Promise<(photo: Photo) => Promise<SmallAb>> {
  const side = flags.integer('own')
  if (side !== undefined) return async (photo) => ownColours(photo, side)
  const weights = await readWeights(flags.text('weights') ?? SHIPPED)
  const chosen = await chooseClassifier(wantedClassifier(trainedWith(weights.metadata), {}))
  const { predictor, classifier } = await openPainter(gpu, weights, chosen, { precision: 'f32' })
  return async (photo) => {
    const [features] = classifier ? await classifier.classify([photo]) : []
    return predictor.predict(photo, features)
  }
}

async function measureAll(gpu: Gpu, photo: Photo, small: SmallAb): Promise<Record<Name, Measured>> {
  const truth = truthOf(photo)
  const measured: Partial<Record<Name, Measured>> = {}
  for (const name of NAMES) {
    const before = process.cpuUsage()
    const ab = await WAYS[name](gpu, photo, small)
    const { user, system } = process.cpuUsage(before)
    measured[name] = { ...edgeErrors(truth, ab), cpu: (user + system) / (photo.width * photo.height) }
  }
  return measured as Record<Name, Measured>
}

function summary(results: readonly Record<Name, Measured>[]) {
  const of = (name: Name) => {
    const own = results.map((result) => result[name])
    const near = own.flatMap(({ near }) => near ?? [])
    return { all: mean(own.map(({ all }) => all)), near: mean(near), cpu: mean(own.map(({ cpu }) => cpu)) }
  }
  return { photographs: results.length, ways: Object.fromEntries(NAMES.map((name) => [name, of(name)])) }
}

function table(results: readonly Record<Name, Measured>[]): string {
  const { photographs, ways } = summary(results)
  const base = ways.bilinear!
  const change = (value: number, from: number) =>
    `${value.toFixed(1).padStart(7)} (${(100 * (value / from - 1)).toFixed(1).padStart(5)}%)`
  const lines = Object.entries(ways).map(([name, { all, near, cpu }]) =>
    [name.padEnd(10), change(all, base.all), change(near, base.near), cpu.toFixed(2).padStart(6)].join('  '),
  )
  const heading = `${'way'.padEnd(10)}  ${'all pixels'.padStart(16)}  ${'near edges'.padStart(16)}  CPU s a megapixel`
  return [`${photographs} photographs, mean ab errors, in ab units²`, '', heading, ...lines].join('\n')
}

await start(program)
