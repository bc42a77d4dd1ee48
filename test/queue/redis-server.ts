/** A Redis or Valkey server of the tests' own: on a free loopback port, with an append-only file in a scratch folder. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect, type Server } from '../../src/queue/connection.ts'

/** The program that is here; null where none is. */
export const SERVER =
  ['redis-server', 'valkey-server'].find((name) => spawnSync(name, ['--version']).status === 0) ?? null

export class TestServer {
  #process: ChildProcess | null = null

  private constructor(
    readonly folder: string,
    readonly port: number,
    private readonly options: readonly string[],
  ) {}

  static async start(options: readonly string[] = []): Promise<TestServer> {
    const server = new TestServer(mkdtempSync(join(tmpdir(), 'colorizer-redis-')), await freePort(), options)
    await server.start()
    return server
  }

  get url(): string {
    const at = this.options.indexOf('--requirepass')
    const password = at < 0 ? '' : `:${this.options[at + 1]}@`
    return `redis://${password}127.0.0.1:${this.port}`
  }

  /** Starts it, again with what it had. */
  async start(): Promise<void> {
    const fixed = ['--bind', '127.0.0.1', '--save', '', '--appendonly', 'yes', '--dir', this.folder]
    const args = ['--port', String(this.port), ...fixed, ...this.options]
    this.#process = spawn(SERVER!, args, { stdio: 'ignore' })
    for (;;) {
      const reached = await this.connect().catch(() => null)
      reached?.close()
      if (reached) return
      await sleep(50)
    }
  }

  connect(tell?: (sentence: string) => void): Promise<Server> {
    return connect(new URL(this.url), tell)
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const ended = new Promise((resolve) => this.#process?.once('exit', resolve))
    this.#process?.kill(signal)
    await ended
  }

  async remove(): Promise<void> {
    await this.stop('SIGKILL')
    rmSync(this.folder, { recursive: true, force: true })
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number }
      probe.close(() => resolve(port))
    })
  })
}
