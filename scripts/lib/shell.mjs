// What every part of the set-up shares: running a program, finding one, talking to the person at the terminal.

import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const PACKAGE_ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** A failure that one sentence explains; `code` is the exit code. */
export class SetupError extends Error {
  /**
   * @param {string} message
   * @param {number} code
   */
  constructor(message, code) {
    super(message)
    this.name = 'SetupError'
    this.code = code
  }
}

/**
 * Prints `error` for a person and returns the exit code it stands for.
 * @param {unknown} error
 */
export function reportFailure(error) {
  if (error instanceof SetupError) {
    say(error.message)
    return error.code
  }
  say(error instanceof Error ? (error.stack ?? error.message) : String(error))
  return 1
}

/**
 * To stderr: stdout belongs to the command that follows (`--json`).
 * @param {string} line
 */
export function say(line) {
  process.stderr.write(`${line}\n`)
}

/**
 * Runs a program to its end without a terminal, so that nothing can stop to ask.
 * @param {string} command
 * @param {string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, cwd?: string, timeoutMs?: number, shell?: boolean }} [options]
 * @returns {{ ok: boolean, stdout: string, why: string }} `why`: the last thing it said, or what ended it
 */
export function run(command, args, { env = process.env, cwd, timeoutMs, shell = false } = {}) {
  const done = spawnSync(command, args, {
    env,
    shell,
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    killSignal: 'SIGKILL',
    ...(cwd === undefined ? {} : { cwd }),
    ...(timeoutMs === undefined ? {} : { timeout: timeoutMs }),
  })
  return { ok: done.status === 0, stdout: done.stdout ?? '', why: reason(done) }
}

/** @param {import('node:child_process').SpawnSyncReturns<string>} done */
function reason(done) {
  if (done.error) return done.error.message
  if (done.signal) return `ended by ${done.signal}`
  const said = lastLine(done.stderr) || lastLine(done.stdout)
  return said || `exit code ${done.status}`
}

/**
 * What a program said last; of what npm and apt say, the errors without their details.
 * @param {string} text
 */
function lastLine(text) {
  const lines = text.split('\n').map((line) => line.trim())
  const errors = lines
    .filter((line) => /^(E: |npm (error|ERR!) )/.test(line))
    .map((line) => line.replace(/^npm \S+ /, ''))
    .filter((line) => !/^(code|errno|syscall) |^A complete log/.test(line))
  return errors.slice(0, 2).join(' ') || lines.filter(Boolean).at(-1) || ''
}

/**
 * Runs the npm that started us, or else the one on PATH.
 * @param {string[]} args
 * @param {string} [cwd]
 */
export function npm(args, cwd = PACKAGE_ROOT) {
  const own = process.env.npm_execpath
  if (own?.endsWith('npm-cli.js')) return run(process.execPath, [own, ...args], { cwd })
  // On Windows npm is a .cmd file, which only a shell starts.
  return run('npm', args, { cwd, shell: process.platform === 'win32' })
}

/** @param {string} program */
export function isOnPath(program) {
  return executablesOnPath(program).length > 0
}

/**
 * The places of a program in the folders of PATH, in their order.
 * @param {string} program
 */
export function executablesOnPath(program, env = process.env) {
  const folders = (env.PATH ?? '').split(delimiter)
  return folders.map((folder) => join(folder, program)).filter(isExecutable)
}

/** @param {string} path */
export function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
