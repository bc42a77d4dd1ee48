/** A worker that really colours, next to a single process on the same photographs. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { median } from '../src/numbers.ts'

export interface Colouring {
  readonly pictures: number
  /** Pictures a second of each round, from the start of the program to its end. */
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
      single.push(pictures / (await seconds(['colorize', scans, '-o', alone])))
      await seconds(['queue', 'add', scans, '--out', out, ...queue])
      worker.push(pictures / (await seconds(['queue', 'work', '--until-done', ...queue])))
    }
    const share = median(worker.map((rate, round) => rate / single[round]!))
    return { pictures, single, worker, share }
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

/** That the program takes. Throws where it fails. */
async function seconds(words: readonly string[]): Promise<number> {
  const began = performance.now()
  const child = spawn(process.execPath, [...process.execArgv, MAIN, ...words, '--quiet'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${words.join(' ')} ended with exit code ${code}`)
  return (performance.now() - began) / 1000
}
