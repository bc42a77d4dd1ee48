/** A picture alone in a process of its own, with a limit of memory and time: whatever it does there ends with that process. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'
import * as v from 'valibot'
import { UserError } from '../errors.ts'
import type { Paint, Painted } from './picture.ts'

export interface TrialLimits {
  readonly milliseconds: number
  /** Of memory in use, where the system tells (Linux). */
  readonly bytes: number
}

/** What the process is given in front of the photograph, and what it answers in front of the picture: a line of JSON. */
const askedSchema = v.object({ name: v.string(), output: v.string(), variant: v.optional(v.number()) })
const answerSchema = v.union([
  v.object({ error: v.string() }),
  v.object({ skipped: v.literal('in colour') }),
  v.object({
    width: v.number(),
    height: v.number(),
    classes: v.array(v.object({ name: v.string(), probability: v.number() })),
    remarks: v.array(v.string()),
  }),
])

const NEWLINE = 10
const LOOK_MS = 200
/** Addresses with passwords, which the process has no use for. */
const SECRET = /^REDIS_/

/**
 * Colours by starting `command`, which is to call `answerTrial`.
 * @returns a `Paint` that throws a `UserError` for whatever goes wrong, with the reason
 */
export function trialBy(command: readonly string[], limits: TrialLimits): Paint {
  return async (bytes, name, output, variant) => {
    const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !SECRET.test(key)))
    const child = spawn(command[0]!, command.slice(1), { stdio: ['pipe', 'pipe', 'inherit', 'ipc'], env })
    child.stdin!.on('error', () => {}) // it ended before it had read all
    child.stdin!.end(framed({ name, output, variant }, [bytes]))
    const [said, why] = await Promise.all([buffer(child.stdout!), ended(child, limits)])
    if (why !== null) throw new UserError(`${name} was tried alone and ${why}`)
    return answerOf(said, name)
  }
}

/** Why the process failed; null when it ended well. */
async function ended(child: ChildProcess, limits: TrialLimits): Promise<string | null> {
  let why: string | null = null
  const kill = (reason: string) => {
    why ??= reason
    child.kill('SIGKILL')
  }
  const seconds = Math.round(limits.milliseconds / 1000)
  const timer = setTimeout(() => kill(`took longer than ${seconds} s`), limits.milliseconds)
  const watch = setInterval(async () => {
    if ((await memoryOf(child.pid)) > limits.bytes)
      kill(`needed more than ${Math.round(limits.bytes / 2 ** 20)} MiB of memory`)
  }, LOOK_MS)
  try {
    return await new Promise((resolve) => {
      child.on('error', (error) => resolve(`could not be started: ${error.message}`))
      child.on('close', (code, signal) => {
        if (why !== null || code === 0) resolve(why)
        else resolve(signal ? `crashed (${signal})` : `failed with exit code ${code}`)
      })
    })
  } finally {
    clearTimeout(timer)
    clearInterval(watch)
  }
}

/** Memory of a process in use; 0 where the system does not tell. */
async function memoryOf(pid: number | undefined): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB/m.exec(text) ?? []
  return Number(kilobytes ?? 0) * 1024
}

function answerOf(said: Buffer, name: string): Painted | { skipped: 'in colour' } {
  const { header, body } = unframed(said)
  const answer = v.parse(answerSchema, header)
  if ('error' in answer) throw new UserError(answer.error)
  if ('skipped' in answer) return answer
  if (body.length === 0) throw new UserError(`${name} was tried alone and gave no picture`)
  return { ...answer, parts: [body] }
}

/** The other side: reads a photograph from `input`, colours it and writes what came of it. */
export async function answerTrial(
  paint: Paint,
  input: NodeJS.ReadableStream,
  write: (bytes: Uint8Array) => void,
): Promise<void> {
  process.once('disconnect', () => process.exit()) // the worker is gone, and its limits with it
  if (process.connected === false) process.exit() // it was before this process had begun
  process.channel?.unref()
  const { header, body } = unframed(await buffer(input))
  const { name, output, variant } = v.parse(askedSchema, header)
  try {
    const painted = await paint(body, name, output, variant)
    if ('skipped' in painted) return write(framed(painted, []))
    const { parts, width, height, classes, remarks } = painted
    write(framed({ width, height, classes, remarks }, parts))
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    write(framed({ error: error.message }, []))
  }
}

const framed = (header: object, parts: readonly Uint8Array[]): Buffer =>
  Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), ...parts])

function unframed(bytes: Buffer): { header: unknown; body: Buffer } {
  const end = bytes.indexOf(NEWLINE)
  return { header: JSON.parse(bytes.subarray(0, end).toString()), body: bytes.subarray(end + 1) }
}
