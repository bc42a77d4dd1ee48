import { GpuError } from '../device/gpu.ts'
import { UserError } from '../errors.ts'
import { GraphError } from '../graph/graph.ts'
import { VERSION } from '../version.ts'
import { advised } from './advice.ts'
import { colorizeCommand } from './commands/colorize.ts'
import { type Call, COMMON_OPTIONS, type Command, formatOptions, parse } from './commands/command.ts'
import { completionsCommand } from './commands/completions.ts'
import { doctorCommand } from './commands/doctor.ts'
import { evaluateCommand } from './commands/evaluate.ts'
import { goldenCommand } from './commands/golden.ts'
import { onnxCommand } from './commands/onnx.ts'
import { prepareCommand } from './commands/prepare.ts'
import { queueCommand } from './commands/queue.ts'
import { trainCommand } from './commands/train.ts'
import { tuneCommand } from './commands/tune.ts'
import { weightsCommand } from './commands/weights.ts'
import { EXIT, type ExitCode, exitCodeOf } from './exit.ts'
import { openTerminal, printable, stderr } from './terminal.ts'

const COMMANDS: Readonly<Record<string, Command>> = {
  colorize: colorizeCommand,
  train: trainCommand,
  prepare: prepareCommand,
  evaluate: evaluateCommand,
  weights: weightsCommand,
  golden: goldenCommand,
  onnx: onnxCommand,
  tune: tuneCommand,
  queue: queueCommand,
  doctor: doctorCommand,
  completions: completionsCommand(() => COMMANDS),
}

const EXIT_CODES = `Exit codes: 0 all done; 1 some input failed, the rest was done; 2 the command line is wrong; 3 no usable
adapter; 4 weights or records missing or corrupt; 130 interrupted, nothing half-written.`

/** Runs the program with the words that follow its name, says what went wrong in a sentence, and returns the exit code. */
export const program = (args: readonly string[]): Promise<ExitCode> => commandOf(args).catch(report)

async function commandOf(args: readonly string[]): Promise<ExitCode> {
  const [name, ...rest] = args
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') return print(overview())
  if (name === '--version') return print(VERSION)
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name]! : null
  if (!command) {
    const known = Object.keys(COMMANDS).join(', ')
    throw new UserError(`there is no command "${name}": choose one of ${known}`, 'usage')
  }
  const { flags, positionals } = parse(rest, { ...command.options, ...COMMON_OPTIONS }, command.elsewhere)
  if (flags.on('help')) return print(helpOf(name, command))
  if (flags.on('version')) return print(VERSION)
  const terminal = openTerminal(flags.on('quiet'))
  const interruption = listen(terminal.say)
  const { signal: interrupted, beforeExit } = interruption
  const call = { positionals, flags, terminal, interrupted, beforeExit }
  const result = await command.run(call).finally(() => {
    terminal.clear()
    interruption.stop()
  })
  const text = flags.on('json') ? JSON.stringify(result.json, null, 2) : result.text
  if (text) print(text)
  return result.code
}

/** A signal sent to a whole process group reaches this program twice, the second time through its launcher. */
const SAME_SIGNAL_MS = 1000

const SIGNALS = ['SIGINT', 'SIGTERM'] as const

/** Work that is left for the last moment gets no more than this. */
const LAST_MOMENT_MS = 3000

interface Interruption extends Pick<Call, 'beforeExit'> {
  readonly signal: AbortSignal
  stop(): void
}

/** Raised by the first Ctrl-C or SIGTERM; the second one ends the program where it stands. Heard until `stop`. */
function listen(say: (line: string) => void): Interruption {
  const controller = new AbortController()
  let first = Number.NEGATIVE_INFINITY
  let lastWork: () => Promise<unknown> = async () => {}
  const interrupt = () => {
    if (performance.now() - first < SAME_SIGNAL_MS) return
    if (controller.signal.aborted) {
      const exit = () => process.exit(EXIT.interrupted)
      setTimeout(exit, LAST_MOMENT_MS)
      return void lastWork().then(exit, exit)
    }
    first = performance.now()
    say('stopping after the work in hand; once more to stop at once')
    controller.abort()
  }
  for (const signal of SIGNALS) process.on(signal, interrupt)
  return {
    signal: controller.signal,
    beforeExit: (work) => {
      lastWork = work
    },
    stop: () => {
      for (const signal of SIGNALS) process.off(signal, interrupt)
    },
  }
}

function overview(): string {
  const width = Math.max(...Object.keys(COMMANDS).map((name) => name.length))
  const rows = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`)
  return `colorizer ${VERSION}: colours grey photographs on WebGPU

Usage: colorizer COMMAND [OPTIONS]

${rows.join('\n')}

"colorizer COMMAND --help" says more of each.

${EXIT_CODES}`
}

function helpOf(name: string, { summary, positionals, options, examples, notes }: Command): string {
  return `colorizer ${name}: ${summary}

Usage: colorizer ${name} ${positionals} [OPTIONS]

${formatOptions({ ...options, ...COMMON_OPTIONS })}
${notes ? `\n${notes}\n` : ''}
Examples:
${examples.map((example) => `  ${example}`).join('\n')}

${EXIT_CODES}`
}

function print(text: string): ExitCode {
  process.stdout.write(`${text}\n`)
  return EXIT.ok
}

function report(error: unknown): ExitCode {
  stderr.write(`colorizer: ${sentenceOf(error).split('\n').map(printable).join('\n')}\n`)
  return exitCodeOf(error)
}

function sentenceOf(error: unknown): string {
  if (error instanceof UserError) return advised(error)
  if (!(error instanceof Error)) return String(error)
  const isKnown = error instanceof GpuError || error instanceof GraphError
  return (!isKnown && process.env.DEBUG === '1' && error.stack) || error.message
}
