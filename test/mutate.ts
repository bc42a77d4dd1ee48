/**
 * Proves that the tests see a broken shader: changes one thing at a time in a shader's text (in memory), runs the rows
 * of `cases.ts` that use it, and lists the changes that no row noticed. Not part of `npm test`; run by hand:
 *
 *     npx tsx test/mutate.ts [--all] [SHADER…]       without --all, up to 12 changes of each shader
 *
 * A survivor is either a missing row or a change that alters nothing (say which before believing it). Each change runs
 * in a worker process, since a broken loop may never end.
 */

import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { loadShader } from '../src/device/shader.ts'
import { SHADER_TEXT } from '../src/device/shader-text.ts'
import { elems } from '../src/kernels/op.ts'
import { openGpu } from '../src/node/dawn.ts'
import { dispatchesOf, opNames, type Row, rowsOf, seeded, variantsOf } from './harness.ts'
import { verify } from './launch.ts'

const SAMPLE = 12
/** A change that makes the rows take this many times as long, and at least so long, is taken for an endless loop. */
const SLOWDOWN = 5
const LEAST_TIMEOUT_MS = 15_000

/** [what it finds, what it puts there]: each match is one mutant. */
const MUTATIONS: readonly (readonly [RegExp, string])[] = [
  [/ \+ /g, ' - '],
  [/ - /g, ' + '],
  [/ \* /g, ' + '],
  [/ \/ /g, ' * '],
  [/ % /g, ' / '],
  [/ \+= /g, ' = '],
  [/ \+= /g, ' -= '],
  [/ >= /g, ' > '],
  [/ < /g, ' <= '],
  [/ > /g, ' >= '],
  [/ == /g, ' != '],
  [/\b0u\b/g, '1u'],
  [/\b1u\b/g, '2u'],
  [/\b0\.0\b/g, '1.0'],
  [/\b1\.0\b/g, '2.0'],
  [/\bmax\(/g, 'min('],
  [/\bmin\(/g, 'max('],
  [/(?<=\bparams\.(?:conv\.)?)(H|strideH|dilationH)\b/g, 'W'],
  [/(?<=\bparams\.(?:conv\.)?)padTop\b/g, 'padLeft'],
  [/(?<=\bparams\.(?:conv\.)?)padLeft\b/g, 'padTop'],
  [/(?<=\bparams\.(?:conv\.)?)OH\b/g, 'OW'],
  [/(?<=\bparams\.(?:conv\.)?)strideW\b/g, 'strideH'],
  [/(?<=\bparams\.(?:conv\.)?)dilationW\b/g, 'dilationH'],
  [/\.y\b/g, '.x'],
  [/\.x\b/g, '.y'],
  [/\{ (?:return|continue); \}/g, '{ }'],
  [/workgroupBarrier\(\);/g, ''],
]

interface Mutant {
  readonly shader: string
  readonly text: string
  readonly line: number
  readonly change: string
}

type Outcome = 'survived' | 'invalid' | `killed: ${string}`

function mutantsOf(shader: string): Mutant[] {
  const text = loadShader(shader)
  const body = text.search(/^(@compute|fn )/m)
  return MUTATIONS.flatMap(([pattern, replacement]) =>
    [...text.matchAll(pattern)].flatMap((match) => {
      const line = text.slice(0, match.index).split('\n').length
      const source = text.split('\n')[line - 1]!
      if (match.index < body || /^\s*\/\/|@builtin|@workgroup_size/.test(source)) return []
      const column = match.index - text.lastIndexOf('\n', match.index) - 1
      if (source.slice(0, column).includes('//')) return []
      const changed = text.slice(0, match.index) + replacement + text.slice(match.index + match[0].length)
      const change = `${source.trim()}   →   ${changed.split('\n')[line - 1]!.trim()}`
      return [{ shader, text: changed, line, change }]
    }),
  )
}

/** The rows whose kernels use the shader or helper file, cheapest first. */
function rowsUsing(shader: string): Row[] {
  const uses = (name: string): boolean => {
    const helpers = [...loadShader(name).matchAll(/^\/\/ use (lib\/\w+)\.wgsl$/gm)].map((match) => match[1]!)
    return name === shader || helpers.some(uses)
  }
  const using = new Set(shaderFiles().filter(uses))
  const rows = opNames
    .flatMap(rowsOf)
    .flatMap(variantsOf)
    .filter((row) => {
      return dispatchesOf(row).some((dispatch) => using.has(dispatch.shader))
    })
  const size = (row: Row) => row.specs.reduce((sum, spec) => sum + elems(spec), 0)
  return rows.sort((a, b) => size(a) - size(b))
}

/** All shaders and, as "lib/NAME", all helper files. */
const shaderFiles = () => Object.keys(SHADER_TEXT)

async function tryMutant({ shader, text }: Mutant): Promise<Outcome> {
  const load = (name: string) => (name === shader ? text : loadShader(name))
  const gpu = await openGpu({ loadShader: load })
  try {
    for (const row of rowsUsing(shader)) {
      const { problems } = await verify(gpu, row)
      if (problems.length) return `killed: ${row.name} ${row.title}: ${problems[0]}`
    }
    return 'survived'
  } catch (error) {
    const { message } = error as Error
    return message.includes('does not compile') ? 'invalid' : `killed: ${message.split('\n')[0]}`
  } finally {
    gpu.destroy()
  }
}

/** Runs mutants one by one in a process that is replaced when one hangs or crashes. */
function startWorker() {
  let child: ChildProcess | null = null
  const spawn = () => {
    const file = fileURLToPath(import.meta.url)
    return fork(file, ['--worker'], {
      execArgv: ['--import', 'tsx'],
      stdio: ['ignore', 'inherit', 'ignore', 'ipc'],
    })
  }
  const attempt = (mutant: Mutant, timeoutMs: number) =>
    new Promise<Outcome>((resolve) => {
      child ??= spawn()
      const mine = child
      const finish = (outcome: Outcome, replace: boolean) => {
        clearTimeout(timer)
        mine.removeAllListeners()
        if (replace) {
          mine.kill('SIGKILL')
          child = null
        }
        resolve(outcome)
      }
      const timer = setTimeout(() => finish('killed: it never ended', true), timeoutMs)
      mine.once('message', (outcome) => finish(outcome as Outcome, false))
      mine.once('exit', () => finish('killed: the process died', true))
      mine.send(mutant)
    })
  return { attempt, stop: () => child?.disconnect() }
}

function shuffled(mutants: Mutant[], seed: string): Mutant[] {
  const random = seeded(seed)
  return mutants
    .map((mutant) => ({ mutant, order: random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ mutant }) => mutant)
}

type Worker = ReturnType<typeof startWorker>

/** Tries the changes of one shader and prints what was not noticed. Returns how many were not. */
async function tryShader(worker: Worker, shader: string, limit: number): Promise<number> {
  const start = performance.now()
  const untouched = { shader, text: loadShader(shader), line: 0, change: '' }
  const outcome = await worker.attempt(untouched, 600_000)
  if (outcome !== 'survived') throw new Error(`${shader} fails as it is: ${outcome}`)
  const timeoutMs = Math.max(LEAST_TIMEOUT_MS, (performance.now() - start) * SLOWDOWN)
  let tried = 0
  const survivors: string[] = []
  for (const mutant of shuffled(mutantsOf(shader), shader)) {
    if (tried >= limit) break
    const outcome = await worker.attempt(mutant, timeoutMs)
    if (process.env.VERBOSE) console.log(`${shader}:${mutant.line}  ${mutant.change}\n    ${outcome}`)
    if (outcome === 'invalid') continue
    tried++
    if (outcome === 'survived') survivors.push(`  line ${mutant.line}: ${mutant.change}`)
  }
  console.log([`${shader}: ${tried - survivors.length} of ${tried} changes noticed`, ...survivors].join('\n'))
  return survivors.length
}

async function main(args: readonly string[]): Promise<void> {
  const named = args.filter((arg) => !arg.startsWith('--'))
  const worker = startWorker()
  let survivors = 0
  for (const shader of named.length ? named : shaderFiles().sort()) {
    survivors += await tryShader(worker, shader, args.includes('--all') ? Number.POSITIVE_INFINITY : SAMPLE)
  }
  worker.stop()
  console.log(survivors ? `${survivors} survived` : 'every change was noticed')
}

if (process.argv.includes('--worker')) {
  process.on(
    'message',
    (mutant) => void tryMutant(mutant as Mutant).then((outcome) => process.send!(outcome)),
  )
} else {
  await main(process.argv.slice(2))
}
