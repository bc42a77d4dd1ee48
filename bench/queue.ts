/** `npm run bench:queue`: what the queue costs, with colouring replaced by a sleep, or by nothing. */
import { EXIT } from '../src/cli/exit.ts'
import { median } from '../src/numbers.ts'
import { connect, serverAddress } from '../src/queue/connection.ts'
import { type Program, start } from './program.ts'
import { type Colouring, measureColouring } from './queue-colour.ts'
import {
  type Adding,
  FINISHERS,
  type Finishing,
  type Jobs,
  measureAdding,
  measureFinishing,
  measureThroughput,
  type Throughput,
} from './queue-measure.ts'
import { ownServer } from './queue-parts.ts'

const WORKERS = [1, 2, 4, 8]
const ROUNDS = 5

const program: Program = {
  name: 'bench:queue',
  summary: 'measures what the queue costs: adding jobs, many workers, memory',
  positionals: '',
  options: {
    jobs: { value: 'N', help: 'jobs that are added (default 1000000)' },
    each: { value: 'N', help: 'pictures of each of them, and of those of --finish (default 1)' },
    pictures: { value: 'N', help: 'pictures that each worker makes (default 100)' },
    sleep: {
      value: 'MS',
      help: 'in place of the GPU, for each picture (default 400, as measured on llvmpipe)',
    },
    workers: { value: 'N', help: `at most so many (default ${WORKERS.at(-1)})` },
    finish: {
      value: 'N',
      help: `also has ${FINISHERS} workers finish so many jobs, with neither colouring nor files`,
    },
    colour: {
      value: 'N',
      help: `also colours so many photographs by one worker and by a single process, ${ROUNDS} times in turns`,
    },
  },
  notes:
    'Starts redis-server or valkey-server on a free port, with a scratch folder, unless REDIS_URL names one.',

  async run(flags, _positionals, terminal) {
    const own = process.env.REDIS_URL ? null : await ownServer()
    const url = own?.url ?? (await serverAddress({})).href
    const server = await connect(new URL(url))
    try {
      const each = flags.integer('each') ?? 1
      terminal.progress('adding jobs')
      const adding = await measureAdding(server, { jobs: flags.integer('jobs') ?? 1e6, each })
      const most = flags.integer('workers', { min: 0 }) ?? WORKERS.at(-1)!
      const rows: Throughput[] = []
      for (const workers of WORKERS.filter((count) => count <= most)) {
        terminal.progress(`${workers} workers`)
        const pictures = flags.integer('pictures') ?? 100
        rows.push(
          await measureThroughput(server, {
            url,
            workers,
            each: pictures,
            ms: flags.integer('sleep') ?? 400,
          }),
        )
      }
      const [toFinish, toColour] = [flags.integer('finish'), flags.integer('colour')]
      if (toFinish !== undefined) terminal.progress('finishing jobs')
      const finishing =
        toFinish === undefined ? null : await measureFinishing(server, url, { jobs: toFinish, each })
      if (toColour !== undefined) terminal.progress('colouring')
      const colouring = toColour === undefined ? null : await measureColouring(url, toColour, ROUNDS)
      const json = { adding, throughput: rows, finishing, colouring }
      return { json, text: textOf(json), code: EXIT.ok }
    } finally {
      server.close()
      own?.stop()
    }
  },
}

interface Measured {
  readonly adding: Adding
  readonly throughput: readonly Throughput[]
  readonly finishing: Finishing | null
  readonly colouring: Colouring | null
}

function textOf({ adding, throughput, finishing, colouring }: Measured): string {
  const { seconds, busy } = adding
  const lines = throughput.map(
    ({ workers, picturesPerSecond, share }) =>
      `${String(workers).padStart(2)} workers  ${picturesPerSecond.toFixed(2)} pictures/s  ${percent(share)}`,
  )
  const finished = finishing && [
    `${FINISHERS} workers finished ${jobsText(finishing)} in ${finishing.seconds.toFixed(1)} s, no picture lost and none twice (a processor worked ${((1000 * finishing.busySeconds) / finishing.jobs).toFixed(2)} ms a job for the server, adding with it); ${memoryText(finishing)}`,
  ]
  const coloured = colouring && [
    `one worker that colours: ${percent(colouring.share)} of a single process's pictures/s, ${median(colouring.single).toFixed(2)}`,
  ]
  return [
    `added ${jobsText(adding)} in ${seconds.toFixed(1)} s (processors worked ${busy.program.toFixed(1)} s for it, ${busy.server.toFixed(1)} s for the server); ${memoryText(adding)}`,
    ...lines,
    ...(finished ?? []),
    ...(coloured ?? []),
  ].join('\n')
}

const jobsText = ({ jobs, each }: Jobs) =>
  `${jobs} jobs of ${each === 1 ? 'one picture' : `${each} pictures`}`
const percent = (share: number) => `${(100 * share).toFixed(1)}%`
const memoryText = ({ bytesPerMillion }: Pick<Adding, 'bytesPerMillion'>) =>
  `${Math.round(bytesPerMillion / 2 ** 20)} MiB of the server's memory per million pictures`

await start(program)
