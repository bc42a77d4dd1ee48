/** A decoding worker: takes a BatchTask, hands back a DecodedBatch whose buffers are moved, not copied. */
import { parentPort } from 'node:worker_threads'
import sharp from 'sharp'
import { type BatchTask, decodeBatch } from '../../train/samples.ts'
import { openSample, type SampleSource } from './decode.ts'

// The workers are the parallelism: more threads per picture and a cache of files seen once only cost.
sharp.concurrency(1)
sharp.cache(false)

parentPort?.on('message', async (task: BatchTask<SampleSource>) => {
  const batch = await decodeBatch(task, openSample)
  const { L, ab, taps = [] } = batch
  parentPort?.postMessage(batch, [L, ab, ...taps].map(({ buffer }) => buffer) as ArrayBuffer[])
})
