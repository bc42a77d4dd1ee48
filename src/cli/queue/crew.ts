/** `queue work --gpus`: a worker in a process of its own for each of this machine's GPUs. */
import { type ChildProcess, spawn } from 'node:child_process'
import { hostname } from 'node:os'
import { isSoftwareName } from '../../device/adapter.ts'
import { UserError } from '../../errors.ts'
import { everyAdapter } from '../../node/dawn.ts'
import { type Call, Flags, type Result, wrong } from '../commands/command.ts'
import { EXIT, type ExitCode } from '../exit.ts'
import { wordsOf } from './options.ts'

/**
 * Starts a worker for each GPU that `--gpus` means, and waits for all of them. A signal goes on to them; where one ends early, the
 * others work on.
 * @throws UserError where a GPU is not there
 */
export async function workOnGpus(call: Call): Promise<Result> {
  const { flags, terminal, interrupted } = call
  if (flags.given('adapter')) throw wrong('--gpus and --adapter both choose GPUs: give one of them')
  const { gpus, shared } = chosenGpus(flags.text('gpus')!, await everyAdapter())
  for (const name of shared) terminal.warn(SHARED(name))
  const base = flags.text('name') ?? hostname()
  const crew = gpus.map(({ number, name: adapter }) => {
    const worker = startWorker(flags, { adapter, name: `${base}-${number}` })
    void worker.code.then((code) => {
      if (!WELL.includes(code)) terminal.warn(`the worker on ${adapter} ended ${howText(code)}`)
    })
    return worker
  })
  const signal = () => {
    for (const { child } of crew) child.kill('SIGTERM')
  }
  interrupted.addEventListener('abort', signal, { once: true })
  const ended = Promise.all(crew.map(({ code }) => code))
  call.beforeExit(() => {
    signal()
    return ended
  })
  const codes = await ended
  return {
    json: { workers: gpus.map(({ name }, i) => ({ adapter: name, code: codes[i] })) },
    code: worst(codes),
  }
}

/** How a worker has ended: with an exit code, or killed by a signal. */
type Ending = ExitCode | NodeJS.Signals

const howText = (ending: Ending) => (typeof ending === 'string' ? `by ${ending}` : `with exit code ${ending}`)

const WELL: readonly Ending[] = [EXIT.ok, EXIT.someInputFailed, EXIT.interrupted]

const SHARED = (name: string) =>
  `several GPUs have ${name} in their names, and WebGPU opens the first of them: docs/queue.md says how the others get theirs`

/**
 * Adapters by `all`, which leaves out those that compute on the CPU where there are others, or by numbers in the order of
 * `doctor`; and the names that stand for several adapters, since each is opened by what may be a part of another's name.
 * @param everyName of each adapter
 * @throws UserError for a number that is none, or of no adapter
 */
export function chosenGpus(choice: string, everyName: readonly string[]) {
  const all = [...new Set(everyName)]
  if (all.length === 0)
    throw new UserError('no WebGPU adapter on this machine: run colorizer doctor', 'adapter')
  const hardware = all.filter((name) => !isSoftwareName(name))
  const names = choice === 'all' ? (hardware.length ? hardware : all) : numbered(choice, all)
  const gpus = names.map((name) => ({ number: all.indexOf(name), name }))
  const shared = names.filter((name) => everyName.filter((other) => other.includes(name)).length > 1)
  return { gpus, shared }
}

function numbered(choice: string, all: readonly string[]): string[] {
  if (!/^\d+(,\d+)*$/.test(choice)) throw wrong(`--gpus ${choice}: expected all, or numbers such as 0,1`)
  const numbers = [...new Set(choice.split(',').map(Number))]
  const missing = numbers.find((number) => number >= all.length)
  if (missing === undefined) return numbers.map((number) => all[number]!)
  const list = all.map((name, i) => `${i} ${name}`).join(', ')
  throw new UserError(`--gpus ${missing}: there is no such adapter; this machine has ${list}`, 'adapter')
}

interface Worker {
  readonly child: ChildProcess
  readonly code: Promise<Ending>
}

function startWorker(flags: Flags, own: { readonly adapter: string; readonly name: string }): Worker {
  const words = wordsOf(new Flags({ ...flags.givenBut(['gpus', 'name', 'json']), ...own }))
  const program = [...process.execArgv, process.argv[1]!, 'queue', 'work', ...words]
  const child = spawn(process.execPath, program, { stdio: ['ignore', 'ignore', 'inherit'] })
  const code = new Promise<Ending>((resolve) => {
    child.on('error', () => resolve(EXIT.someInputFailed))
    child.on('close', (code, signal) => resolve(signal ?? (code as ExitCode)))
  })
  return { child, code }
}

/** Of a crew: that of a worker that could not work, else that photographs have failed, else that all is well. */
function worst(endings: readonly Ending[]): ExitCode {
  const codes = endings.map((ending) => (typeof ending === 'string' ? EXIT.someInputFailed : ending))
  return codes.find((code) => !WELL.includes(code)) ?? (Math.max(...codes) as ExitCode)
}
