/** The colouriser in PyTorch, where there is one: `pytorch.py` in a process of Python's. */
import { spawn, spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { weightTensors } from '../../src/io/weights.ts'
import { reportNetwork } from '../../src/model/report/index.ts'
import { writeSafetensors } from '../../src/node/safetensors.ts'
import {
  ARCHITECTURE,
  type ColorizerWork,
  type Contender,
  colorizerInputs,
  colorizerWeights,
  LEARNING_RATE,
  type TorchPrecision,
} from './work.ts'

const SCRIPT = fileURLToPath(new URL('pytorch.py', import.meta.url))

export interface Torch {
  /** The Python that has it. */
  readonly python: string
  /** The card that it computes on; null when it has none and computes on the CPU. */
  readonly cuda: string | null
}

/** The PyTorch of a Python; null where one of the two is missing. */
export function findTorch(python: string): Torch | null {
  const { status, stdout } = spawnSync(python, [SCRIPT, 'probe'], { stdio: ['ignore', 'pipe', 'ignore'] })
  return status === 0 ? { python, cuda: JSON.parse(stdout.toString()).cuda } : null
}

type Answer =
  | { readonly title: string; readonly parameters: number }
  | { readonly milliseconds: number; readonly output: string }
  | { readonly trouble: string }

/** Times are by Python's own clock: the way to here and back would count otherwise. */
export async function openTorch(
  work: ColorizerWork,
  python: string,
  precision: TorchPrecision,
): Promise<Contender> {
  const folder = await mkdtemp(join(tmpdir(), 'colorizer-pytorch-'))
  try {
    const path = join(folder, 'work.safetensors')
    await writeWork(path, work)
    // ends with this process, whose end closes its stdin
    const child = spawn(python, [SCRIPT, work.kind, precision, path], { stdio: ['pipe', 'pipe', 'inherit'] })
    child.stdin.on('error', () => {}) // it has ended: the missing answer says so
    const answers = createInterface(child.stdout)[Symbol.asyncIterator]()
    const answer = async (): Promise<Exclude<Answer, { trouble: string }>> => {
      const { value, done } = await answers.next()
      if (done) throw new Error(`${python} ended without an answer`)
      const answer: Answer = JSON.parse(value)
      if ('trouble' in answer) throw new Error(answer.trouble)
      return answer
    }
    const opening = await answer()
    if (!('title' in opening)) throw new Error(`${python} answered out of turn`)
    const run = async () => {
      child.stdin.write('run\n')
      const result = await answer()
      if (!('output' in result)) throw new Error(`${python} answered out of turn`)
      const { buffer } = Uint8Array.from(Buffer.from(result.output, 'base64'))
      return { milliseconds: result.milliseconds, output: new Float32Array(buffer) }
    }
    return { ...opening, run }
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Weights, the inputs of the work and the learning rate, in one file. */
async function writeWork(path: string, { size, batch }: ColorizerWork): Promise<void> {
  const { parameters, statistics } = colorizerWeights()
  const { L, features, ab } = colorizerInputs(size, batch)
  const tensors = new Map([
    ...weightTensors({ network: reportNetwork(ARCHITECTURE), parameters, statistics }),
    ['L', { shape: [batch, size, size, 1], data: L }],
    ['features', { shape: [batch, ARCHITECTURE.classes], data: features }],
    ['ab', { shape: [batch, size, size, 2], data: ab }],
  ])
  await writeSafetensors(path, tensors, { metadata: { rate: String(LEARNING_RATE) } })
}
