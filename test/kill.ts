/**
 * Kills a training with SIGKILL at a random moment, resumes it, and holds its checkpoint and its best weights against those
 * of a training never stopped: they must be the same bytes. By hand, with the options of `colorizer train` and a seed of the moment:
 *
 *   npm run --silent train:webgpu -- --help          (sets the machine up)
 *   node --import tsx test/kill.ts --moment 1 --size 64 --steps 200 --width 0.25 --batch 4
 */
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { readSafetensors } from '../src/node/safetensors.ts'
import { bestPath, checkpointPath } from '../src/node/store/run-folder.ts'
import { uniform4 } from '../src/random.ts'
import { type Ended, run, type Started, start } from './program.ts'

const TRIES = 5

export interface Killed {
  /** Steps in the checkpoint that the killed training left. */
  readonly step: number
  readonly sameBytes: boolean
  /** Its folder. */
  readonly out: string
}

/**
 * @param reference folder of a training with the same `options`, never stopped
 * @param pace how often that one saved, and for how long it ran behind its first checkpoint: the kill falls at a random moment
 *   behind one of the checkpoints that have others to come
 * @param moment seed of that moment
 */
export async function killAndResume(
  folder: string,
  options: readonly string[],
  reference: string,
  { saves, span }: Pace,
  moment: number,
  log = console.log,
): Promise<Killed> {
  const steps = await stepOf(reference)
  for (let n = 0; n < TRIES; n++) {
    const out = join(folder, `killed-${n}`)
    const [which, when] = uniform4(moment, 0, n)
    const saved = 1 + Math.floor(which * Math.max(1, saves - 2))
    const delay = (when * span) / saves
    const training = start(['train', ...options, '--out', out])
    await countSaves(checkpointPath(out), training, saved)
    await sleep(delay)
    training.child.kill('SIGKILL')
    const { code } = await training.ended
    const step = await stepOf(out)
    log(
      `moment ${moment}.${n}: ${code} ${delay.toFixed(0)} ms after checkpoint ${saved}; the last has step ${step}`,
    )
    if (code !== 'SIGKILL' || step === steps) continue // this one was faster than the reference
    succeeded(await run(['train', ...options, '--out', out, '--resume']))
    return {
      step,
      sameBytes: [checkpointPath, bestPath].every((path) =>
        readFileSync(path(out)).equals(readFileSync(path(reference))),
      ),
      out,
    }
  }
  throw new Error(`each of ${TRIES} trainings ended before it was killed`)
}

export interface Pace {
  /** How many checkpoints were saved. */
  readonly saves: number
  /** Milliseconds between the first one and the last one. */
  readonly span: number
}

/** Trains without a stop into `out`. */
export async function trainThrough(out: string, options: readonly string[]): Promise<Ended & Pace> {
  const training = start(['train', ...options, '--out', out])
  await countSaves(checkpointPath(out), training, 1)
  const first = Date.now()
  const later = await countSaves(checkpointPath(out), training)
  const ended = await training.ended
  succeeded(ended)
  return { ...ended, saves: Math.max(1, later), span: statSync(checkpointPath(out)).mtimeMs - first }
}

/** Waits until the file was put in its place `most` times, or the program has ended. Returns how often it was seen to be. */
async function countSaves(
  path: string,
  { child }: Started,
  most = Number.POSITIVE_INFINITY,
): Promise<number> {
  let [count, last] = [0, 0]
  while (count < most && child.exitCode === null && child.signalCode === null) {
    const time = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? last
    if (time !== last) count++
    last = time
    await sleep(2)
  }
  return count
}

export async function stepOf(out: string): Promise<number> {
  return Number((await readSafetensors(checkpointPath(out))).metadata.step)
}

export function succeeded({ code, stderr }: Ended): void {
  if (code !== 0) throw new Error(`exit code ${code}:\n${stderr}`)
}

async function main(args: string[]): Promise<number> {
  const at = args.indexOf('--moment')
  const [, seed = '1'] = at < 0 ? [] : args.splice(at, 2)
  const options = args.includes('--checkpoint-every') ? args : [...args, '--checkpoint-every', '7']
  const folder = mkdtempSync(join(tmpdir(), 'colorizer-kill-'))
  try {
    const reference = join(folder, 'whole')
    const pace = await trainThrough(reference, options)
    console.log(
      `never stopped: ${await stepOf(reference)} steps, ${pace.saves} checkpoints in ${pace.span.toFixed(0)} ms`,
    )
    const { step, sameBytes } = await killAndResume(folder, options, reference, pace, Number(seed))
    console.log(`killed, resumed from step ${step}: ${sameBytes ? 'the same bytes' : 'OTHER BYTES'}`)
    return sameBytes ? 0 : 1
  } finally {
    rmSync(folder, { recursive: true })
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = await main(process.argv.slice(2))
