/** A worker of `prepare`: takes a PrepareTask, hands back an Outcome whose buffers are moved, not copied. */
import { parentPort } from 'node:worker_threads'
import sharp from 'sharp'
import { type Outcome, type PrepareTask, prepareSample } from './sample.ts'

// The workers are the parallelism: more threads per picture and a cache of files seen once only cost.
sharp.concurrency(1)
sharp.cache(false)

parentPort?.on('message', async (task: PrepareTask) => {
  const outcome = await prepareSample(task)
  parentPort?.postMessage(outcome, 'picture' in outcome ? buffersOf(outcome) : [])
})

const buffersOf = ({ picture, seen, views }: Extract<Outcome, { picture: unknown }>) =>
  [picture.gray, picture.ab, ...seen, ...views.flatMap(({ gray, ab }) => [gray, ab])].map(
    ({ buffer }) => buffer as ArrayBuffer,
  )
