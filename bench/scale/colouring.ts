/** Colouring on many GPUs as a simulation: a queue on some servers, one storage, workers that read ahead and sometimes crash. */
import { uniform4 } from '../../src/random.ts'
import { Events, Line } from './events.ts'

export interface Colouring {
  readonly gpus: number
  /** Servers of the queue, each with its share of jobs and workers. */
  readonly servers: number
  /** Of the storage, reading and writing together, in bytes a second. */
  readonly bandwidth: number
  /** Pictures in a job. */
  readonly chunk: number
  /** Bytes of a photograph and of its result. */
  readonly bytes: { readonly read: number; readonly written: number }
  /** Seconds that a worker takes for a picture, be it on the GPU or on its processor cores, whatever is longer. */
  readonly pictureSeconds: number
  /** Seconds of a queue server for a job, from its taking to the entries in the ledger. */
  readonly jobSeconds: number
  /** Pictures differ: the time of a job is uniform between 1 - spread and 1 + spread of the usual one. */
  readonly spread: number
  /** Mean seconds between two crashes of a worker. */
  readonly crashSeconds: number
  /** Seconds after which the jobs of a crashed worker are given to others, and after which it is back. */
  readonly leaseSeconds: number
}

export interface Coloured {
  /** Times that each job was finished. */
  readonly finished: Uint8Array
  /** Jobs that were begun, again after a crash, too. */
  readonly begun: number
  readonly seconds: number
  /** Pictures a second of the jobs between the first and the last tenth. */
  readonly rate: number
  /** Shares of time in which workers compute, the storage moves bytes, the queue's servers work. */
  readonly busy: { readonly workers: number; readonly storage: number; readonly servers: number }
}

/** Jobs that a worker has in hand: one is computed, one is read, one is written. */
const IN_HAND = 3
const STREAM = 0x5ca1e

/** @param jobs how many there are; a few for each GPU show the rate */
export function simulateColouring(work: Colouring, jobs: number, seed: number): Coloured {
  return new Simulation(work, jobs, seed).run()
}

interface Worker {
  readonly line: number
  compute: Line
  /** Grows with each crash: what was begun before is void. */
  life: number
  readonly inHand: Set<number>
}

class Simulation {
  readonly #events = new Events()
  readonly #storage = new Line(this.#events)
  readonly #servers: Line[]
  readonly #waiting: number[][]
  readonly #workers: Worker[]
  readonly #finished: Uint8Array
  readonly #times: number[] = []
  #drawn = 0
  #begun = 0
  #left: number
  #computed = 0

  constructor(
    private readonly work: Colouring,
    private readonly jobs: number,
    private readonly seed: number,
  ) {
    const { servers, gpus } = work
    this.#servers = Array.from({ length: servers }, () => new Line(this.#events))
    this.#waiting = this.#servers.map((_, s) =>
      Array.from({ length: Math.ceil((jobs - s) / servers) }, (_, i) => s + i * servers).reverse(),
    )
    this.#workers = Array.from({ length: gpus }, (_, w) => ({
      ...{ line: w % servers, compute: new Line(this.#events), life: 0 },
      inHand: new Set<number>(),
    }))
    this.#finished = new Uint8Array(jobs)
    this.#left = jobs
  }

  run(): Coloured {
    for (const worker of this.#workers) this.#start(worker)
    this.#events.run(() => this.#left === 0)
    const { gpus, servers, chunk } = this.work
    const seconds = this.#events.now
    const [first, last] = [0.1, 0.9].map((share) => Math.floor(share * (this.jobs - 1)))
    const between = this.#times[last!]! - this.#times[first!]!
    const served = this.#servers.reduce((sum, { busy }) => sum + busy, 0)
    return {
      ...{ finished: this.#finished, begun: this.#begun, seconds },
      rate: ((last! - first!) * chunk) / between,
      busy: {
        workers: this.#computed / (gpus * seconds),
        storage: Math.min(1, this.#storage.busy / seconds),
        servers: served / (servers * seconds),
      },
    }
  }

  #start(worker: Worker): void {
    for (let slot = 0; slot < IN_HAND; slot++) this.#take(worker)
    const { crashSeconds, leaseSeconds } = this.work
    if (!Number.isFinite(crashSeconds)) return
    this.#events.after(-crashSeconds * Math.log(1 - this.#draw()), () => {
      const lost = [...worker.inHand]
      worker.inHand.clear()
      worker.life++
      this.#events.after(leaseSeconds, () => {
        this.#waiting[worker.line]!.push(...lost)
        worker.compute = new Line(this.#events)
        this.#start(worker)
      })
    })
  }

  /** One of the jobs in hand, from the queue to the end; then the next one. */
  #take(worker: Worker): void {
    const job = this.#waiting[worker.line]!.pop()
    if (job === undefined) return
    const { chunk, bytes, bandwidth, pictureSeconds, jobSeconds, spread } = this.work
    const { life } = worker
    const alive = (next: () => void) => () => {
      if (worker.life === life) next()
    }
    const seconds = chunk * pictureSeconds * (1 + spread * (2 * this.#draw() - 1))
    worker.inHand.add(job)
    this.#begun++
    const write = alive(() => {
      this.#computed += seconds
      this.#storage.serve(
        (chunk * bytes.written) / bandwidth,
        alive(() => this.#finish(worker, job)),
      )
    })
    const compute = alive(() => worker.compute.serve(seconds, write))
    const read = alive(() => this.#storage.serve((chunk * bytes.read) / bandwidth, compute))
    this.#servers[worker.line]!.serve(jobSeconds, read)
  }

  #finish(worker: Worker, job: number): void {
    worker.inHand.delete(job)
    this.#finished[job]!++
    this.#left--
    this.#times.push(this.#events.now)
    this.#take(worker)
  }

  #draw(): number {
    return uniform4(this.seed, STREAM, this.#drawn++)[0]
  }
}
