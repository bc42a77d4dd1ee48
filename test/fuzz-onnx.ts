/**
 * Reads damaged models and looks for crashes, hangs and hunger; run by hand: npx tsx test/fuzz-onnx.ts [COUNT] [FIRST].
 * A process of its own reads them one after the other; it is ended when one takes longer than `PATIENCE_MS`.
 */
import { fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { importMutant, mutant } from './onnx-mutants.ts'

const PATIENCE_MS = 10_000
const MAX_BYTES = 2 ** 30

interface Outcome {
  readonly seed: number
  /** A bug's stack. */
  readonly problem?: string
  readonly rejected?: boolean
  readonly milliseconds: number
  /** Most memory that the process has had so far. */
  readonly bytes: number
}

const numbers = process.argv.slice(2).map(Number)
if (process.send) await readAll(process.argv[4]!, numbers[0]!, numbers[1]!)
else await main(numbers[0] ?? 20_000, numbers[1] ?? 0)

async function readAll(path: string, first: number, end: number): Promise<void> {
  for (let seed = first; seed < end; seed++) {
    const outcome = await readOne(path, seed)
    await new Promise((sent) => process.send!(outcome, sent))
  }
}

async function readOne(path: string, seed: number): Promise<Outcome> {
  const begin = performance.now()
  const facts = () => {
    const bytes = process.resourceUsage().maxRSS * 1024
    return { seed, milliseconds: performance.now() - begin, bytes }
  }
  try {
    const told = await importMutant(path, mutant(seed))
    return { ...facts(), rejected: told !== '' }
  } catch (error) {
    return { ...facts(), problem: (error as Error).stack ?? String(error) }
  }
}

async function main(count: number, first: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'fuzz-onnx-'))
  const end = first + count
  let [next, rejected, bytes, slowest] = [first, 0, 0, { seed: -1, milliseconds: 0 }]
  const problems: string[] = []
  while (next < end) {
    const failure = await work([`${next}`, `${end}`, join(folder, 'mutant.onnx')], (outcome) => {
      next = outcome.seed + 1
      if (outcome.problem) problems.push(`seed ${outcome.seed}: ${outcome.problem}`)
      if (outcome.rejected) rejected++
      if (outcome.milliseconds > slowest.milliseconds) slowest = outcome
      bytes = Math.max(bytes, outcome.bytes)
    })
    if (next < end) problems.push(`seed ${next++}: ${failure}`)
  }
  rmSync(folder, { recursive: true })
  for (const problem of problems) console.log(problem)
  const { seed, milliseconds } = slowest
  console.log(`${count} files, ${rejected} rejected in words, ${problems.length} problems`)
  console.log(
    `slowest ${milliseconds.toFixed(0)} ms (seed ${seed}), at most ${(bytes / 2 ** 20).toFixed(0)} MiB`,
  )
  process.exitCode = problems.length || bytes > MAX_BYTES ? 1 : 0
}

/** Runs a process until it ends or nothing comes from it any more; returns why it ended. */
function work(args: string[], report: (outcome: Outcome) => void): Promise<string> {
  const child = fork(fileURLToPath(import.meta.url), args, {
    execArgv: ['--import', import.meta.resolve('tsx')],
  })
  return new Promise((resolve) => {
    let why = ''
    const giveUp = () => {
      why = `no answer in ${PATIENCE_MS} ms`
      child.kill('SIGKILL')
    }
    let patience = setTimeout(giveUp, 3 * PATIENCE_MS)
    child.on('message', (outcome: Outcome) => {
      report(outcome)
      clearTimeout(patience)
      patience = setTimeout(giveUp, PATIENCE_MS)
    })
    child.on('exit', (code, signal) => {
      clearTimeout(patience)
      resolve(why || `the process ended with ${signal ?? code}`)
    })
  })
}
