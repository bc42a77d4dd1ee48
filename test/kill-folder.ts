/**
 * Kills `colorize` on a folder with SIGKILL, at random moments, and completes each with a second run. By hand, with a number of
 * moments and of photographs:
 *
 *   npm run build && node scripts/run.mjs --script test/kill-folder.ts 50 200
 */
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { readPhoto } from '../src/node/image.ts'
import { JOURNAL } from '../src/node/journal.ts'
import { STREAM, uniform4 } from '../src/random.ts'
import { picturesIn, writeGray } from './folder-runs.ts'
import { run, type Started, start } from './program.ts'
import { reportWeights } from './report-weights.ts'

export interface KilledFolder {
  readonly album: string
  readonly out: string
  /** Options of `colorize`, all but its folders. */
  readonly options: readonly string[]
}

export interface Completed {
  /** Pictures that were there when it was killed. */
  readonly left: number
  /** Those that the second run coloured. */
  readonly coloured: number
}

/** Starts, kills when `moment` has come, and completes. Throws where a picture is not whole, or anything else is in the folder. */
export async function killAndComplete(
  { album, out, options }: KilledFolder,
  moment: (started: Started) => Promise<void>,
): Promise<Completed> {
  const colorize = ['colorize', album, '-o', out, ...options]
  const killed = start(colorize)
  await moment(killed)
  killed.child.kill('SIGKILL')
  await killed.ended
  const left = await wholePictures(out)
  const { code, stdout, stderr } = await run(colorize)
  if (code !== 0) throw new Error(`the second run ended with ${code}: ${stderr}`)
  await wholePictures(out)
  const [are, want] = [readdirSync(out).sort().join(), [JOURNAL, ...picturesIn(album)].sort().join()]
  if (are !== want) throw new Error(`there is ${are} in place of ${want}`)
  return { left, coloured: Number(/^coloured (\d+) of/.exec(stdout.toString())?.[1]) }
}

async function wholePictures(folder: string): Promise<number> {
  const names = existsSync(folder) ? picturesIn(folder) : []
  for (const name of names) await readPhoto(join(folder, name))
  return names.length
}

/** Most milliseconds between a picture and the kill. */
const MOST_DELAY = 30

async function main(moments = 50, pictures = 200): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'colorizer-kill-'))
  const [album, weights] = [join(folder, 'album'), join(folder, 'weights.safetensors')]
  try {
    for (let i = 0; i < pictures; i++) await writeGray(join(album, `${i}.png`), i)
    writeFileSync(weights, await reportWeights())
    for (let n = 0; n < moments; n++) {
      const [which, when] = uniform4(n, STREAM.pairs, 0)
      const out = join(folder, `${n}`)
      const completed = await killAndComplete(
        { album, out, options: ['--weights', weights] },
        async (started) => {
          await hasPictures(out, Math.floor(which * pictures), started)
          await sleep(MOST_DELAY * when)
        },
      )
      console.log(JSON.stringify({ moment: n, ...completed }))
      rmSync(out, { recursive: true })
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Waits until there are so many pictures, or the program has ended. */
async function hasPictures(folder: string, count: number, { child }: Started): Promise<void> {
  const found = () => (existsSync(folder) ? picturesIn(folder).length : 0)
  while (found() < count && child.exitCode === null) await sleep(2)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(...process.argv.slice(2).map(Number))
