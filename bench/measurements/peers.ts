import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

const PROGRAM = fileURLToPath(new URL('../peers/main.ts', import.meta.url))

/** Runs `bench:peers` in a process of its own, and returns what it prints: its table, or why there is none. */
export async function peersTable(adapter: string | undefined): Promise<string> {
  const args = [...process.execArgv, PROGRAM, ...(adapter === undefined ? [] : ['--adapter', adapter])]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise<string>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve(String(code ?? signal)))
  })
  const printed = await text(child.stdout)
  return printed.trim() || `bench:peers printed nothing and ended with ${await ended}`
}
