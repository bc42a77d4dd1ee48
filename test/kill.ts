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
import { appears, type Ended, run, start } from './program.ts'

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
 * @param span milliseconds between that one's first checkpoint and its last: the kill falls at a random moment within
 * @param moment seed of that moment
 */
export async function killAndResume(
  folder: string,
  options: readonly string[],
  reference: string,
  span: number,
  moment: number,
  log = console.log,
): Promise<Killed> {
  const steps = await stepOf(reference)
  for (let n = 0; n < TRIES; n++) {
    const out = join(folder, `killed-${n}`)
    const delay = span * uniform4(moment, 0, n)[0]
    const training = start(['train', ...options, '--out', out])
    await appears(checkpointPath(out), training)
    await sleep(delay)
    training.child.kill('SIGKILL')
    const { code } = await training.ended
    const step = await stepOf(out)
    log(
      `moment ${moment}.${n}: ${code} ${delay.toFixed(0)} ms after the first checkpoint; the last has step ${step}`,
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

/** Trains without a stop into `out`. `span` is the milliseconds between its first checkpoint and the last one. */
export async function trainThrough(
  out: string,
  options: readonly string[],
): Promise<Ended & { span: number }> {
  const training = start(['train', ...options, '--out', out])
  await appears(checkpointPath(out), training)
  const first = Date.now()
  const ended = await training.ended
  succeeded(ended)
  return { ...ended, span: statSync(checkpointPath(out)).mtimeMs - first }
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
    const { span } = await trainThrough(reference, options)
    console.log(
      `never stopped: ${await stepOf(reference)} steps, ${span.toFixed(0)} ms from the first checkpoint to the last`,
    )
    const { step, sameBytes } = await killAndResume(folder, options, reference, span, Number(seed))
    console.log(`killed, resumed from step ${step}: ${sameBytes ? 'the same bytes' : 'OTHER BYTES'}`)
    return sameBytes ? 0 : 1
  } finally {
    rmSync(folder, { recursive: true })
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = await main(process.argv.slice(2))
