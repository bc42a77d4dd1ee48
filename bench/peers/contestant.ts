import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { UserError } from '../../src/errors.ts'
import type { Opening, Reply, Request } from './worker.ts'

/** A contender in a process of its own. */
export class Contestant {
  readonly #milliseconds: number[] = []
  readonly #outputs: Float32Array[] = []
  title = ''
  parameters: number | null = null

  private constructor(private readonly child: ChildProcess) {}

  /** Throws a `UserError` with the contender's own reason when it cannot do the work. */
  static async open(opening: Opening): Promise<Contestant> {
    const child = fork(fileURLToPath(new URL('worker.ts', import.meta.url)), {
      serialization: 'advanced',
      stdio: ['ignore', 2, 'inherit', 'ipc'], // stdout is for the result alone
    })
    const contestant = new Contestant(child)
    try {
      const reply = await contestant.#ask(opening)
      if ('title' in reply) Object.assign(contestant, reply)
      await contestant.run() // compiles its shaders: does not count
      contestant.#milliseconds.length = 0
      return contestant
    } catch (error) {
      contestant.close()
      throw error
    }
  }

  async run(): Promise<void> {
    const reply = await this.#ask('run')
    if (!('output' in reply)) return
    this.#milliseconds.push(reply.milliseconds)
    if (this.#outputs.length < 2) this.#outputs.push(reply.output)
  }

  /** Of each run but the first. */
  get milliseconds(): readonly number[] {
    return this.#milliseconds
  }

  /** What its first two runs gave: of a training the second loss depends on gradients and optimiser. */
  get output(): Float32Array {
    return Float32Array.from(this.#outputs.flatMap((output) => [...output]))
  }

  close(): void {
    this.child.kill()
  }

  async #ask(request: Request): Promise<Reply> {
    const ended = new AbortController()
    const gone = once(this.child, 'exit', { signal: ended.signal }).then(([code, signal]): Reply => {
      return { trouble: `its process ended with ${signal ?? code}` }
    })
    const answered = once(this.child, 'message', { signal: ended.signal }).then(([reply]) => reply as Reply)
    this.child.send(request)
    const reply = await Promise.race([gone, answered])
    for (const waiting of [gone, answered]) waiting.catch(() => {}) // the one that is called off
    ended.abort()
    if ('trouble' in reply) throw new UserError(reply.trouble)
    return reply
  }
}
