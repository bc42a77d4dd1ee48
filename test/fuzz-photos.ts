/**
 * Mutated image files of every format: each is coloured, or refused with a sentence, within a time, and what is written can be
 * read. `npm run fuzz:photos -- 5000` takes that many; `npm test` a few.
 */
import { readFileSync } from 'node:fs'
import sharp from 'sharp'
import { UserError } from '../src/errors.ts'
import { concat } from '../src/io/image/bytes.ts'
import { colorizeFile } from '../src/node/formats/colorize.ts'
import { STREAM, uniform4 } from '../src/random.ts'
import { flatPainter } from './flat-painter.ts'
import { described, frames, grayTiff, levels, picture, withIptc } from './photographs.ts'

/** No file takes longer than that, in milliseconds of the processor, which other work on the machine does not change. */
const PATIENCE = 10_000

const sources = async (): Promise<Uint8Array[]> => [
  withIptc(await described(picture(1), 6).jpeg().toBuffer()),
  await described(picture(3)).jpeg({ progressive: true }).toBuffer(),
  await described(picture(2)).png().toBuffer(),
  await described(picture(1, true)).png().toBuffer(),
  await described(picture(4)).webp().toBuffer(),
  await frames()
    .webp({ delay: [1, 2, 3] })
    .toBuffer(),
  await frames()
    .gif({ delay: [10, 20, 30] })
    .toBuffer(),
  grayTiff(levels(1) as Uint8Array, 8),
  await described(picture(3)).tiff({ compression: 'lzw' }).toBuffer(),
  await described(picture(3)).avif({ effort: 0 }).toBuffer(),
  readFileSync(new URL('./heic/citrus.heic', import.meta.url)),
]

/** Some bytes changed, most of them near the beginning, where the headers are; perhaps cut, or with a part repeated. */
function mutated(source: Uint8Array, seed: number): Uint8Array {
  const bytes = new Uint8Array(source)
  const [kind, count, where, size] = uniform4(seed, STREAM.pairs, 0)
  for (let i = 1; i <= 1 + count! * 4; i++) {
    const [at, value, near] = uniform4(seed, STREAM.pairs, i)
    bytes[Math.floor(at! ** (near! < 0.7 ? 4 : 1) * bytes.length)] = Math.floor(value! * 256)
  }
  const [from, length] = [Math.floor(where! * bytes.length), Math.floor(size! * 64)]
  if (kind! < 0.2) return bytes.subarray(0, from)
  return kind! < 0.3 ? concat([bytes.subarray(0, from + length), bytes.subarray(from)]) : bytes
}

export interface Fuzzed {
  readonly coloured: number
  readonly refused: number
  /** What must not happen, each with the number that makes the file again. */
  readonly wrong: string[]
}

/** Tries the files `first` to `first + count`. */
export async function fuzzPhotos(first: number, count: number): Promise<Fuzzed> {
  const all = await sources()
  const result = { coloured: 0, refused: 0, wrong: [] as string[] }
  for (let n = first; n < first + count; n++) {
    const started = process.cpuUsage()
    try {
      const bytes = mutated(all[n % all.length]!, n)
      const file = await colorizeFile(flatPainter(), bytes, 'photo', {
        making: null,
        recolor: true,
        lenient: n % 3 === 0,
      })
      if ('parts' in file) await sharp(concat(file.parts), { failOn: 'warning' }).stats()
      result.coloured++
    } catch (error) {
      if (error instanceof UserError) result.refused++
      else result.wrong.push(`${n}: ${error instanceof Error ? error.stack : error}`)
    }
    const { user, system } = process.cpuUsage(started)
    if ((user + system) / 1000 > PATIENCE) result.wrong.push(`${n}: it took more than ${PATIENCE} ms`)
  }
  return result
}

if (process.argv[1]?.endsWith('fuzz-photos.ts')) {
  const [count = 5000, first = 0] = process.argv.slice(2).map(Number)
  const result = await fuzzPhotos(first, count)
  const memory = Math.round(process.resourceUsage().maxRSS / 1024)
  process.stdout.write(`${JSON.stringify({ ...result, megabytes: memory }, null, 2)}\n`)
  process.exitCode = result.wrong.length ? 1 : 0
}
