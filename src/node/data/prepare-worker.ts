/** A worker of `prepare`: takes a PrepareTask, hands back an Outcome whose buffers are moved, not copied. */
import { parentPort } from 'node:worker_threads'
import sharp from 'sharp'
import { type PrepareTask, prepareSample } from './sample.ts'

// The workers are the parallelism: more threads per picture and a cache of files seen once only cost.
sharp.concurrency(1)
sharp.cache(false)

parentPort?.on('message', async (task: PrepareTask) => {
  const outcome = await prepareSample(task)
  const moved =
    'picture' in outcome
      ? [outcome.picture.gray, outcome.picture.ab, ...outcome.seen].map(({ buffer }) => buffer)
      : []
  parentPort?.postMessage(outcome, moved as ArrayBuffer[])
})
