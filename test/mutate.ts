/**
 * Proves that the tests see a broken shader: changes one thing at a time in a shader's text (in memory), runs the rows
 * of `cases.ts` that use it, and lists the changes that no row noticed. Not part of `npm test`:
 *
 *     npm run mutate -- [--all] [SHADER…]               of each shader 12 changes, or all
 *     npm run mutate -- --seconds 240 [--seed WORD]     for so long changes of the shaders that were tried whole before,
 *                                                       other ones with each seed; today's date unless given
 *
 * A survivor is either a missing row or a change that alters nothing. `test/survivors.json` lists those of which that is known, with
 * the reason; exit code 1 when there is another one. Each change runs in a worker process, since a broken loop may never end.
 */

import { type ChildProcess, fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { loadShader } from '../src/device/shader.ts'
import { SHADER_TEXT } from '../src/device/shader-text.ts'
import { elems } from '../src/kernels/op.ts'
import { openGpu } from '../src/node/dawn.ts'
import { covering, entryOf } from './covering.ts'
import { dispatchesOf, opNames, type Row, rowsOf, seeded, variantsOf } from './harness.ts'
import { verify } from './launch.ts'

const SAMPLE = 12
/** Of each shader where time is short. */
const FEW = 4
/** A change with which one row takes this many times as long as a few do without it, and at least so long, is taken for an endless loop. */
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
  [/(?<=\bparams\.(?:(?:conv|pool)\.)?)(H|strideH|dilationH)\b/g, 'W'],
  [/(?<=\bparams\.(?:(?:conv|pool)\.)?)padTop\b/g, 'padLeft'],
  [/(?<=\bparams\.(?:(?:conv|pool)\.)?)padLeft\b/g, 'padTop'],
  [/(?<=\bparams\.(?:(?:conv|pool)\.)?)OH\b/g, 'OW'],
  [/(?<=\bparams\.(?:(?:conv|pool)\.)?)strideW\b/g, 'strideH'],
  [/(?<=\bparams\.(?:(?:conv|pool)\.)?)dilationW\b/g, 'dilationH'],
  [/\.y\b/g, '.x'],
  [/\.x\b/g, '.y'],
  [/\{ (?:return|continue); \}/g, '{ }'],
  [/workgroupBarrier\(\);/g, ''],
]

/** Stands for the line of a shader that is as it should be. */
const UNTOUCHED = 0

interface Mutant {
  readonly shader: string
  readonly text: string
  readonly line: number
  readonly change: string
}

type Outcome = 'survived' | 'invalid' | `killed: ${string}`
/** Said after each row, so that a change that nothing notices may take as long as there are rows. */
const ALIVE = 'alive'

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

/** The rows whose kernels use the shader or helper file, cheapest first: few that cover its constants, then all others. */
function rowsUsing(shader: string): [Row[], Row[]] {
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
  rows.sort((a, b) => size(a) - size(b))
  const first = covering(rows.map(entryOf))
  const isFirst = (_: Row, i: number) => first.has(i)
  return [rows.filter(isFirst), rows.filter((row, i) => !isFirst(row, i))]
}

/** All shaders and, as "lib/NAME", all helper files. */
const shaderFiles = () => Object.keys(SHADER_TEXT)

async function tryMutant({ shader, text, line }: Mutant): Promise<Outcome> {
  const [few, others] = rowsUsing(shader)
  const load = (name: string) => (name === shader ? text : loadShader(name))
  const gpu = await openGpu({ loadShader: load })
  try {
    for (const row of line === UNTOUCHED ? few : [...few, ...others]) {
      const { problems } = await verify(gpu, row)
      if (problems.length) return `killed: ${row.name} ${row.title}: ${problems[0]}`
      process.send!(ALIVE)
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
      mine.on('message', (said) => (said === ALIVE ? timer.refresh() : finish(said as Outcome, false)))
      mine.once('exit', () => finish('killed: the process died', true))
      mine.send(mutant)
    })
  return { attempt, stop: () => child?.disconnect() }
}

/** In the order of one number for each. */
const sortedBy = <T>(items: readonly T[], order: () => number): T[] =>
  items
    .map((item) => ({ item, at: order() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item)

const shuffled = (mutants: readonly Mutant[], seed: string) => sortedBy(mutants, seeded(seed))

type Worker = ReturnType<typeof startWorker>

/**
 * The shaders of which every change was tried, and of the changes that no row noticed the reason why they alter nothing that one
 * could. A sample is drawn from these shaders only: of the others nobody knows which survivors are new.
 */
const known: Readonly<Record<string, Readonly<Record<string, string>>>> = JSON.parse(
  readFileSync(new URL('survivors.json', import.meta.url), 'utf8'),
)

/** Milliseconds for one row after which a change of the shader counts as endless. Throws when the shader fails as it is. */
async function patienceFor(worker: Worker, shader: string): Promise<number> {
  const start = performance.now()
  const outcome = await worker.attempt(
    { shader, text: loadShader(shader), line: UNTOUCHED, change: '' },
    600_000,
  )
  if (outcome !== 'survived') throw new Error(`${shader} fails as it is: ${outcome}`)
  return Math.max(LEAST_TIMEOUT_MS, (performance.now() - start) * SLOWDOWN)
}

/** Tries up to `limit` changes of one shader, until `deadline`, and prints what was not noticed. Returns how many of them are new. */
async function tryShader(
  worker: Worker,
  shader: string,
  { limit, seed, deadline }: { limit: number; seed: string; deadline: number },
): Promise<{ tried: number; fresh: number }> {
  const timeoutMs = await patienceFor(worker, shader)
  let tried = 0
  const survivors: Mutant[] = []
  for (const mutant of shuffled(mutantsOf(shader), `${seed} ${shader}`)) {
    if (tried >= limit || performance.now() > deadline) break
    const outcome = await worker.attempt(mutant, timeoutMs)
    if (process.env.VERBOSE) console.log(`${shader}:${mutant.line}  ${mutant.change}\n    ${outcome}`)
    if (outcome === 'invalid') continue
    tried++
    if (outcome === 'survived') survivors.push(mutant)
  }
  const lines = survivors.map(
    ({ line, change }) => `  line ${line}: ${change}   (${known[shader]?.[change] ?? 'NEW'})`,
  )
  console.log([`${shader}: ${tried - survivors.length} of ${tried} changes noticed`, ...lines].join('\n'))
  return { tried, fresh: survivors.filter(({ change }) => !known[shader]?.[change]).length }
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { all: { type: 'boolean' }, seconds: { type: 'string' }, seed: { type: 'string' } },
  })
  const seed = values.seed ?? new Date().toISOString().slice(0, 10)
  const random = seeded(seed)
  const all = values.seconds ? Object.keys(known) : shaderFiles()
  const shaders = positionals.length ? positionals : all.sort()
  const order = values.seconds ? sortedBy(shaders, () => random()) : shaders
  const deadline = performance.now() + 1000 * Number(values.seconds ?? Number.POSITIVE_INFINITY)
  const limit = values.all ? Number.POSITIVE_INFINITY : values.seconds ? FEW : SAMPLE
  console.log(`seed ${seed}: npm run mutate -- --seed ${seed} makes the same changes`)
  const worker = startWorker()
  const total = { tried: 0, fresh: 0 }
  for (const shader of order) {
    if (performance.now() > deadline) break
    const { tried, fresh } = await tryShader(worker, shader, { limit, seed, deadline })
    total.tried += tried
    total.fresh += fresh
  }
  worker.stop()
  console.log(`${total.tried} changes tried, ${total.fresh} new ones not noticed`)
  return total.fresh || !total.tried ? 1 : 0
}

if (process.argv.includes('--worker')) {
  process.on(
    'message',
    (mutant) => void tryMutant(mutant as Mutant).then((outcome) => process.send!(outcome)),
  )
} else {
  process.exitCode = await main()
}
