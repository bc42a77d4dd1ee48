/** Calls from the page to its worker: each has an answer, may tell of progress, and may be cancelled. */

import { TEXTS } from '../texts.ts'

/** What crosses to the worker. */
export type ToWorker =
  | { readonly id: number; readonly method: string; readonly input: unknown }
  | { readonly id: number; readonly cancel: true }

/** What comes back. */
export type FromWorker =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly progress: unknown }
  | { readonly id: number; readonly error: Failure }

/** An error, as it crosses. */
export interface Failure {
  readonly name: string
  readonly message: string
  /** Of a `UserError`: what kind of trouble it was. */
  readonly trouble?: string | undefined
}

export interface CallOptions {
  /** Ends the work; the call then throws its reason, unless it waits. */
  readonly signal?: AbortSignal | undefined
  /** Whether an ended call gives what it has done until then. */
  readonly waits?: boolean | undefined
  readonly onProgress?: ((value: never) => void) | undefined
}

/** What the worker threw. */
export class WorkerError extends Error {
  readonly trouble: string | undefined
  constructor({ name, message, trouble }: Failure) {
    super(message)
    this.name = name
    this.trouble = trouble
  }
}

/** Methods of the worker by name: what each takes and gives. */
export type Methods<M> = { readonly [K in keyof M]: { readonly input: unknown; readonly value: unknown } }

interface Waiting {
  readonly resolve: (value: never) => void
  readonly reject: (error: unknown) => void
  readonly onProgress: ((value: never) => void) | undefined
}

/** The page's end. */
export class Caller<M extends Methods<M>> {
  readonly #waiting = new Map<number, Waiting>()
  #last = 0
  /** Whether the worker has said anything. */
  #hasBegun = false
  /** Why it never will. */
  #broken: WorkerError | null = null

  constructor(private readonly worker: Worker) {
    worker.addEventListener('message', ({ data }: MessageEvent<FromWorker>) => this.#receive(data))
    worker.addEventListener('error', ({ message }) => this.#fail(message || TEXTS.workerBroken)) // none when it did not even begin
  }

  call<K extends keyof M & string>(
    method: K,
    input: M[K]['input'],
    { signal, waits = false, onProgress }: CallOptions = {},
  ): Promise<M[K]['value']> {
    const id = ++this.#last
    signal?.throwIfAborted()
    if (this.#broken) return Promise.reject(this.#broken)
    const answer = new Promise<M[K]['value']>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, onProgress })
      signal?.addEventListener('abort', () => {
        if (!this.#waiting.has(id)) return // it was answered before
        this.worker.postMessage({ id, cancel: true } satisfies ToWorker)
        if (waits) return
        this.#waiting.delete(id)
        reject(signal.reason)
      })
    })
    this.worker.postMessage({ id, method, input } satisfies ToWorker)
    return answer
  }

  #receive(message: FromWorker): void {
    this.#hasBegun = true
    const waiting = this.#waiting.get(message.id)
    if (!waiting) return
    if ('progress' in message) {
      waiting.onProgress?.(message.progress as never)
      return
    }
    this.#waiting.delete(message.id)
    if ('error' in message) waiting.reject(new WorkerError(message.error))
    else waiting.resolve(message.value as never)
  }

  /** The worker itself is broken: nobody is left waiting, and nobody waits any more for one that did not even begin. */
  #fail(message: string): void {
    const error = new WorkerError({ name: 'Error', message })
    if (!this.#hasBegun) this.#broken = error
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }
}

export interface Context {
  readonly signal: AbortSignal
  tell(progress: unknown): void
}

export type Handlers<M extends Methods<M>> = {
  readonly [K in keyof M]: (input: M[K]['input'], context: Context) => Promise<M[K]['value']>
}

/** The worker's part of the global scope that calls need. */
interface Scope {
  addEventListener(type: 'message', listener: (event: MessageEvent<ToWorker>) => void): void
  postMessage(message: FromWorker, transfer: Transferable[]): void
}

/** The worker's end. */
export function answerCalls<M extends Methods<M>>(scope: Scope, handlers: Handlers<M>): void {
  const running = new Map<number, AbortController>()
  const answer = async (id: number, method: string, input: unknown) => {
    const controller = new AbortController()
    running.set(id, controller)
    const tell = (progress: unknown) => scope.postMessage({ id, progress }, [])
    try {
      const value = await handlers[method as keyof M](input as never, { signal: controller.signal, tell })
      scope.postMessage({ id, value }, transferables(value))
    } catch (error) {
      const { name, message, trouble } = error as Failure
      scope.postMessage({ id, error: { name, message, trouble } }, [])
    } finally {
      running.delete(id)
    }
  }
  scope.addEventListener('message', ({ data }) => {
    if ('cancel' in data) running.get(data.id)?.abort(new DOMException('cancelled', 'AbortError'))
    else void answer(data.id, data.method, data.input)
  })
}

/** Pixels are handed over, not copied. */
const transferables = (value: unknown): Transferable[] =>
  Object.values((value ?? {}) as object).flatMap((part) =>
    part instanceof Uint8ClampedArray ? [part.buffer as ArrayBuffer] : [],
  )
