import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

const PROGRAM = fileURLToPath(new URL('../peers/main.ts', import.meta.url))

/** Runs `bench:peers` in a process of its own, and returns what it prints: its table, or why there is none. */
export async function peersTable(options: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [...process.execArgv, PROGRAM, ...options], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise<string>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve(String(code ?? signal)))
  })
  const printed = await text(child.stdout)
  return printed.trim() || `bench:peers printed nothing and ended with ${await ended}`
}
