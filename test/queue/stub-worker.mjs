// A worker, or the process of a single picture, that paints without a network and without a GPU: quick, and the same bytes on every
// machine. Photographs with certain names do what the worst ones do.
//
//   stub-worker.mjs '{ "url": …, "root": …, "name": … }'   works until it is stopped
//   stub-worker.mjs try                                    one photograph from stdin to stdout

import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'
import { UserError } from '../../dist/errors.js'
import { CheckPicture } from '../../dist/queue/check.js'
import { ChunkWork } from '../../dist/queue/chunk.js'
import { connect } from '../../dist/queue/connection.js'
import { PictureQueue } from '../../dist/queue/queue.js'
import { Roots } from '../../dist/queue/roots.js'
import { answerTrial, trialBy } from '../../dist/queue/trial.js'
import { QueueWorker } from '../../dist/queue/worker.js'

const MIB = 2 ** 20

/** Blueish, in the place of colours. */
async function paint(bytes, name) {
  if (name.includes('crash')) process.kill(process.pid, 'SIGKILL')
  if (name.includes('hang')) await sleep(2 ** 30)
  if (name.includes('greedy')) {
    globalThis.kept = Buffer.alloc(700 * MIB, 1)
    await sleep(2 ** 30)
  }
  if (name.includes('bad')) throw new UserError(`${name} is no picture`)
  const { data, info } = await sharp(bytes).tint('#6080c0').png().toBuffer({ resolveWithObject: true })
  return { parts: [data], width: info.width, height: info.height, classes: [], remarks: [] }
}

async function work(given) {
  const options = {
    lease: 30_000,
    every: 1000,
    pictureMs: 60_000,
    trialMs: 8000,
    pause: 0,
    level: 0,
    soundPictures: 0,
    ...given,
  }
  const server = await connect(new URL(options.url))
  const queue = new PictureQueue(server, options.queue)
  let count = 0
  const slowPaint = async (bytes, name) => {
    await sleep(options.pause)
    const painted = await paint(bytes, name)
    if (!options.level || ++count <= options.soundPictures) return painted
    return { ...painted, parts: [await sharp(painted.parts[0]).linear(1, options.level).png().toBuffer()] }
  }
  const settings = await queue.ledger.settings()
  const tell = (sentence) => process.stderr.write(`${options.name}: ${sentence}\n`)
  const work = new ChunkWork({
    ...{ ledger: queue.ledger, settings, worker: options.name, paint: slowPaint, reset: () => {} },
    roots: new Roots([options.root]),
    trial: trialBy([process.execPath, fileURLToPath(import.meta.url), 'try'], {
      milliseconds: options.trialMs,
      bytes: 500 * MIB,
    }),
    ...{ pictures: 3, pictureMs: options.pictureMs, fullDiskMs: 100 },
    check: new CheckPicture({
      ...{ ledger: queue.ledger, redis: server.redis, paint: slowPaint, every: options.every },
      ...{ adapter: options.adapter ?? 'stub', settings: settings.digest },
    }),
    tell,
  })
  const worker = new QueueWorker(queue, work, {
    ...{ worker: options.name, adapter: 'stub', concurrency: 2, leaseMs: options.lease },
    ...{ mostLosses: 1_000_000, tell },
  })
  const stop = new AbortController()
  process.on('SIGTERM', () => {
    if (stop.signal.aborted) worker.giveBack().then(() => process.exit(130))
    stop.abort()
  })
  process.stdout.write('ready\n')
  await worker.run(stop.signal)
  await queue.close()
  server.close()
}

if (process.argv[2] === 'try') await answerTrial(paint, process.stdin, (bytes) => process.stdout.write(bytes))
else
  await work(JSON.parse(process.argv[2])).catch((error) => {
    process.stderr.write(`${error.message}\n`)
    process.exit(1)
  })
