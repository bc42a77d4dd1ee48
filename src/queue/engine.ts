/** The packages that carry the queue. Whoever colours one folder never installs them. */
import { UserError } from '../errors.ts'

export interface Engine {
  readonly bullmq: typeof import('bullmq')
  readonly Redis: typeof import('ioredis').Redis
}

/** Throws a `UserError` that says what to type where they are not installed. */
export async function loadEngine(load = importBoth): Promise<Engine> {
  try {
    return await load()
  } catch (cause) {
    const sentence = 'the queue needs two packages beside this one: run "npm install bullmq@6 ioredis@6"'
    throw new UserError(sentence, 'usage', { cause })
  }
}

async function importBoth(): Promise<Engine> {
  const [bullmq, { Redis }] = await Promise.all([import('bullmq'), import('ioredis')])
  return { bullmq, Redis }
}
