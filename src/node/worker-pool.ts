/** A pool of worker threads that each do one task at a time. */
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'

export interface WorkerPool<Task, Result> {
  /** Rejects when the pool is closed or a worker has crashed; never hangs. */
  run(task: Task): Promise<Result>
  /** Stops every worker at once; what is still running or waiting is rejected with PoolClosed. */
  close(): Promise<void>
}

/** More decode no faster: the disk or the GPU is the limit. */
const MAX_WORKERS = 16

/** How many workers to start where nobody says. */
export const usualWorkers = () => Math.min(MAX_WORKERS, availableParallelism())

export class PoolClosed extends Error {
  override name = 'PoolClosed'
}

interface Job<Task, Result> {
  task: Task
  resolve(result: Result): void
  reject(error: Error): void
}

/**
 * Starts `count` workers of the module at `url`, which answers every message with one message. A worker that throws or
 * exits breaks the whole pool: its task and all later ones are rejected with what it died of.
 */
export function openWorkerPool<Task, Result>(url: URL, count: number): WorkerPool<Task, Result> {
  const waiting: Job<Task, Result>[] = []
  const running = new Map<Worker, Job<Task, Result>>()
  const workers = Array.from({ length: count }, () => startWorker(url))
  let broken: Error | null = null

  function breakWith(error: Error): void {
    broken ??= error
    for (const job of [...running.values(), ...waiting.splice(0)]) job.reject(broken)
    running.clear()
  }

  function feed(): void {
    for (const worker of workers) {
      if (running.has(worker)) continue
      const job = waiting.shift()
      if (!job) return
      running.set(worker, job)
      worker.ref()
      worker.postMessage(job.task)
    }
  }

  for (const worker of workers) {
    worker.unref() // an idle worker does not keep the program alive
    worker.on('message', (result: Result) => {
      if (broken) return // the program waits for the worker's end, which must keep it alive
      running.get(worker)?.resolve(result)
      running.delete(worker)
      worker.unref()
      feed()
    })
    worker.on('error', (cause) => breakWith(new Error(`a decoding worker crashed: ${cause}`, { cause })))
    worker.on('exit', (code) => breakWith(stopped(code)))
  }

  return {
    run(task) {
      return new Promise((resolve, reject) => {
        if (broken) return reject(broken)
        waiting.push({ task, resolve, reject })
        feed()
      })
    },
    async close() {
      breakWith(new PoolClosed('the decoding workers have been stopped'))
      await Promise.all(workers.map((worker) => worker.terminate()))
    },
  }
}

const stopped = (code: number) => new Error(`a decoding worker stopped by itself (exit code ${code})`)

/**
 * A worker of the module at `url`. Node does not read TypeScript by itself everywhere, and `--import tsx` only takes
 * effect in the main thread: so a TypeScript module is imported by a line of code that sets tsx up first.
 */
function startWorker(url: URL): Worker {
  if (!url.pathname.endsWith('.ts')) return new Worker(url, { execArgv: [] })
  const tsxFolder = pathToFileURL(createRequire(import.meta.url).resolve('tsx/package.json'))
  const tsx = JSON.stringify(new URL('./dist/esm/api/index.mjs', tsxFolder))
  const code = `import(${tsx}).then(({ register }) => (register(), import(${JSON.stringify(url)})))`
  return new Worker(code, { eval: true, execArgv: [] })
}

/**
 * The URL of a module beside `here` (an import.meta.url), as TypeScript or compiled, whichever `here` is. Tests, which build
 * first, ask for the compiled one: tsx takes half a second to start in every worker.
 */
export function workerUrl(name: string, here: string): URL {
  if (!here.endsWith('.ts')) return new URL(`./${name}.js`, here)
  if (process.env.COLORIZER_COMPILED !== '1') return new URL(`./${name}.ts`, here)
  return new URL(`./${name}.js`, here.replace(/\/src\/(?!.*\/src\/)/, '/dist/'))
}
