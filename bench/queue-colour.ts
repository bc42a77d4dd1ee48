/** A worker that really colours, next to a single process on the same photographs. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { median } from '../src/numbers.ts'

export interface Colouring {
  readonly pictures: number
  /** Pictures a second of each round, from the first picture to the last. */
  readonly single: readonly number[]
  readonly worker: readonly number[]
  /** Of the worker, of what the single process does: the median over the rounds. */
  readonly share: number
}

const MAIN = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))
const SAMPLES = fileURLToPath(new URL('../samples/gray', import.meta.url))

/** Both take turns, since a machine is not equally fast all the time. */
export async function measureColouring(url: string, pictures: number, rounds: number): Promise<Colouring> {
  const root = mkdtempSync(join(tmpdir(), 'colorizer-bench-'))
  const scans = join(root, 'scans')
  try {
    mkdirSync(scans)
    const samples = readdirSync(SAMPLES)
    for (let i = 0; i < pictures; i++) {
      const sample = samples[i % samples.length]!
      copyFileSync(join(SAMPLES, sample), join(scans, `${i}-${sample}`))
    }
    const [single, worker]: [number[], number[]] = [[], []]
    for (let round = 0; round < rounds; round++) {
      const [alone, out] = [join(root, `alone-${round}`), join(root, `out-${round}`)]
      const queue = ['--redis', url, '--queue', `bench-colour-${round}`, '--root', root]
      await run(['colorize', scans, '-o', alone])
      await run(['queue', 'add', scans, '--out', out, ...queue])
      await run(['queue', 'work', '--until-done', ...queue])
      single.push(rateIn(alone))
      worker.push(rateIn(out))
    }
    const share = median(worker.map((rate, round) => rate / single[round]!))
    return { pictures, single, worker, share }
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

/** By the times at which the pictures were written. */
function rateIn(folder: string): number {
  const names = readdirSync(folder).filter((name) => !name.startsWith('.'))
  const times = names.map((name) => statSync(join(folder, name)).mtimeMs)
  return (1000 * (times.length - 1)) / (Math.max(...times) - Math.min(...times))
}

/** Runs the program to its end. Throws where it fails. */
async function run(words: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [...process.execArgv, MAIN, ...words, '--quiet'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${words.join(' ')} ended with exit code ${code}`)
}
