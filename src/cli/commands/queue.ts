import { add } from '../queue/add.ts'
import * as colouring from '../queue/colouring.ts'
import { workOnGpus } from '../queue/crew.ts'
import { PAINTING_OPTIONS, SERVER_OPTIONS } from '../queue/options.ts'
import { prepare } from '../queue/preparing.ts'
import { report } from '../queue/report.ts'
import { failed, retry, status, takeOut } from '../queue/status.ts'
import * as worker from '../queue/work.ts'
import { type Call, type Command, inGroup, type Result, wrong } from './command.ts'
import { SET_OPTIONS } from './prepare.ts'
import { TAPS_OPTIONS } from './taps.ts'

type Action = (call: Call, operands: readonly string[]) => Promise<Result>

const ACTIONS: Readonly<Record<string, Action>> = {
  add,
  prepare,
  work: alone('work', (call) => (call.flags.given('gpus') ? workOnGpus(call) : worker.work(call))),
  status: alone('status', status),
  failed: alone('failed', failed),
  retry: alone('retry', retry),
  drain: alone('drain', takeOut),
  report,
  try: alone('try', colouring.tryAlone),
}

/** An action without operands. */
function alone(name: string, action: (call: Call) => Promise<Result>): Action {
  return (call, operands) => {
    if (operands.length) throw wrong(`queue ${name} takes no ${operands[0]}`)
    return action(call)
  }
}

const LOOK = 'colorizer queue report DIR shows grey beside coloured, of what all workers have made'

export const queueCommand: Command = {
  summary: 'the same work over many machines, through a queue on a Redis or Valkey server',
  positionals:
    'add FOLDER… --out DIR | prepare PHOTOS… --out DIR | work | status | failed | retry | drain | report DIR',
  options: {
    ...SERVER_OPTIONS,
    ...inGroup('queue add', {
      out: {
        value: 'DIR',
        short: 'o',
        help: 'folder or s3://BUCKET/PREFIX for the coloured pictures; folder for the shards of prepare',
      },
      chunk: {
        value: 'N',
        help: 'photographs of a job, if they are of usual size, 12 megapixels (default 32, at most 1000); retry, too',
      },
      force: { help: 'queues anew what is done already; for a queue that has nothing left to do' },
    }),
    ...inGroup('queue prepare', { ...SET_OPTIONS, ...TAPS_OPTIONS }),
    ...inGroup('queue work', {
      'until-done': { help: 'ends when nothing is left to do, instead of waiting for more' },
      gpus: {
        value: 'all|N,M',
        help: 'a worker for each of these GPUs, by their numbers from 0 in the order of colorizer doctor',
      },
      name: {
        value: 'NAME',
        help: 'what this worker is called in the status (default: machine and process)',
      },
      concurrency: { value: 'N', help: `jobs in work at once (default ${worker.CONCURRENCY})` },
      jobs: { value: 'N', help: 'photographs in work at once, as of colorize; decoded at once for prepare' },
      lease: {
        value: 'S',
        help: `seconds after which the jobs of a silent worker go to others (default ${worker.LEASE_SECONDS})`,
      },
      'check-every': {
        value: 'N',
        help: `pictures between two check pictures, which find machines that compute wrong (default ${colouring.CHECK_EVERY})`,
      },
      'picture-seconds': {
        value: 'S',
        help: `after which a picture counts as one that hangs (default ${colouring.PICTURE_SECONDS})`,
      },
      memory: {
        value: 'MIB',
        help: `memory of a picture that is tried alone, after it failed twice (default ${colouring.MEMORY_MIB})`,
      },
    }),
    ...inGroup('queue status', {
      watch: { help: 'goes on showing it, until Ctrl-C' },
      metrics: {
        value: 'PORT',
        help: 'serves it for Prometheus at http://127.0.0.1:PORT/metrics, until Ctrl-C; HOST:PORT for other machines',
      },
    }),
    ...PAINTING_OPTIONS,
  },
  notes: `Needs the packages bullmq and ioredis, and a server with --appendonly yes. All machines see the photographs and the
results below --root. Options about colours and files belong to add: workers take them from the queue (docs/queue.md).`,
  elsewhere: {
    hints:
      'hints are for one photograph; once the queue is done, colorizer colorize PHOTO -o PICTURE --hints FILE.json --force makes its picture anew',
    compare: LOOK,
    sheet: LOOK,
    report: LOOK,
  },
  examples: [
    'redis-server --appendonly yes',
    'colorizer queue work',
    'colorizer queue add scans --out coloured --saturation 1.2',
    'colorizer queue status --watch',
    'colorizer queue prepare photos --out records',
  ],

  async run(call) {
    const [name = '', ...operands] = call.positionals
    const action = Object.hasOwn(ACTIONS, name) ? ACTIONS[name]! : null
    if (!action)
      throw wrong(`queue ${name}: expected add, prepare, work, status, failed, retry, drain or report`)
    return action(call, operands)
  },
}
