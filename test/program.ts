/** The command line: in this process, which is quick, or in one of its own, as a person runs it. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { program } from '../src/cli/program.ts'

const pathOf = (file: string) => fileURLToPath(new URL(`../${file}`, import.meta.url))

/** Words before the program's own arguments, through the launcher, as people start it; absolute, for any folder. */
export const LAUNCHER = [process.execPath, pathOf('scripts/run.mjs')]

/** The compiled program itself, for tests that send it signals; what Dawn remarks on stderr is not left out. */
const PROGRAM = [process.execPath, pathOf('dist/cli/main.js')]

export interface Ended {
  /** Exit code, or the signal that ended the program. */
  readonly code: number | NodeJS.Signals
  readonly stdout: Buffer
  readonly stderr: string
}

export interface Started {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
}

/** Starts the program. `command` stands for it when it has to be started in another way. */
export function start(
  args: readonly string[],
  { input, command = PROGRAM, ...options }: SpawnOptions & { input?: Uint8Array; command?: string[] } = {},
): Started {
  const child = spawn(command[0]!, [...command.slice(1), ...args], { stdio: 'pipe', ...options })
  const [out, err]: [Buffer[], Buffer[]] = [[], []]
  child.stdout!.on('data', (chunk) => out.push(chunk))
  child.stderr!.on('data', (chunk) => err.push(chunk))
  child.stdin!.on('error', () => {}) // it ended before it had read all
  child.stdin!.end(input)
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      resolve({ code: code ?? signal!, stdout: Buffer.concat(out), stderr: Buffer.concat(err).toString() })
    })
  })
  return { child, ended }
}

/** Runs the program to its end in this process. One at a time: while it runs, all that is written here is taken for its words. */
export async function run(args: readonly string[]): Promise<Ended> {
  const [out, err]: [Buffer[], Buffer[]] = [[], []]
  const [stdout, stderr] = [redirect(process.stdout, out), redirect(process.stderr, err)]
  try {
    const code = await program(args)
    return { code, stdout: Buffer.concat(out), stderr: Buffer.concat(err).toString() }
  } finally {
    stdout.restore()
    stderr.restore()
  }
}

function redirect(stream: NodeJS.WriteStream, chunks: Buffer[]): { restore(): void } {
  const write = stream.write
  stream.write = (chunk: string | Uint8Array, ...rest: unknown[]) => {
    chunks.push(Buffer.from(chunk as string))
    const written = rest.find((one) => typeof one === 'function')
    if (written) process.nextTick(written)
    return true
  }
  return {
    restore: () => {
      stream.write = write
    },
  }
}

/** Runs the program to its end as people do, through the launcher. */
export const launch = (args: readonly string[], options?: Parameters<typeof start>[1]): Promise<Ended> =>
  start(args, { command: LAUNCHER, ...options }).ended

/** Waits until `path` exists. Throws when the program ends before that. */
export async function appears(path: string, { child, ended }: Started): Promise<void> {
  while (!existsSync(path)) {
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error(`the program ended before ${path} was there:\n${(await ended).stderr}`)
    }
    await sleep(5)
  }
}
