import {
  COMMON_OPTIONS,
  type Flags,
  formatOptions,
  type Option,
  parse,
  type Result,
} from '../src/cli/commands/command.ts'
import { EXIT, type ExitCode, exitCodeOf } from '../src/cli/exit.ts'
import { openTerminal, type Screen, stderr } from '../src/cli/terminal.ts'
import { GpuError } from '../src/device/gpu.ts'
import { UserError } from '../src/errors.ts'

/** A benchmark as it is called on the command line. */
export interface Program {
  /** The npm script. */
  readonly name: string
  readonly summary: string
  /** Positional arguments as the help shows them. */
  readonly positionals: string
  readonly options: Readonly<Record<string, Option>>
  /** What the help says below the options. */
  readonly notes: string
  run(flags: Flags, positionals: readonly string[], terminal: Screen): Promise<Result>
}

/** Runs it on this process's arguments, prints what it found and sets the exit code. */
export async function start(program: Program): Promise<void> {
  process.exitCode = await runProgram(program).catch((error) => report(program.name, error))
}

async function runProgram(program: Program): Promise<ExitCode> {
  const { adapter, json, quiet, help } = COMMON_OPTIONS as Record<string, Option>
  const options = { ...program.options, adapter: adapter!, json: json!, quiet: quiet!, help: help! }
  const { flags, positionals } = parse(process.argv.slice(2), options)
  if (flags.on('help')) {
    const { name, summary, positionals, notes } = program
    const usage = `Usage: npm run ${name} -- ${[positionals, '[OPTIONS]'].filter(Boolean).join(' ')}`
    return print([`npm run ${name}: ${summary}`, usage, formatOptions(options), notes].join('\n\n'))
  }
  const terminal = openTerminal(flags.on('quiet'))
  const result = await program.run(flags, positionals, terminal).finally(terminal.clear)
  print(flags.on('json') ? JSON.stringify(result.json, null, 2) : (result.text ?? ''))
  return result.code
}

function print(text: string): ExitCode {
  process.stdout.write(`${text}\n`)
  return EXIT.ok
}

function report(name: string, error: unknown): ExitCode {
  const isExpected = (error instanceof UserError || error instanceof GpuError) && process.env.DEBUG !== '1'
  stderr.write(`${name}: ${isExpected ? error.message : ((error as Error).stack ?? error)}\n`)
  return exitCodeOf(error)
}
