/**
 * The folder of one training, which belongs to one process at a time:
 *
 *   checkpoint.safetensors     everything that is needed to go on
 *   best.safetensors           the weights of the lowest validation error
 *   settings.json              what was asked for, and what it ran on
 *   log.jsonl                  a line for every tenth step and for every validation
 *   events.out.tfevents.…      the same for TensorBoard, with sample pictures; one file for each start
 *   loss.png, samples.png      the course of the loss; held-out pictures grey, coloured, original
 */
import { closeSync, openSync, writeSync } from 'node:fs'
import { readdir, readFile, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { type EncodedPicture, imageEvent, scalarEvent, startEvent, versionEvent } from '../../io/events.ts'
import { frameOf } from '../../io/tfrecord.ts'
import type { Checkpoint } from '../../train/checkpoint.ts'
import type { LoggedStep } from '../../train/train.ts'
import { removeParts } from '../files.ts'
import { type Lock, lock } from '../lock.ts'
import { makeFolder, saveFile } from '../save.ts'
import { codeOf, fileTrouble } from '../trouble.ts'

export const checkpointPath = (out: string) => join(out, 'checkpoint.safetensors')
export const bestPath = (out: string) => join(out, 'best.safetensors')
export const lossCurvePath = (out: string) => join(out, 'loss.png')
export const samplesPath = (out: string) => join(out, 'samples.png')
const settingsPath = (out: string) => join(out, 'settings.json')
const logPath = (out: string) => join(out, 'log.jsonl')
const isEvents = (name: string) => name.startsWith('events.out.tfevents.')

export interface LoggedValidation {
  readonly step: number
  /** ab error; of several sets of pictures the mean of their errors */
  readonly val: number
  /** Of several sets of pictures the ab error of each, by its name. */
  readonly sets?: Readonly<Record<string, number>> | undefined
  /** Whether it is the lowest so far. */
  readonly isBest: boolean
}

export class RunFolder {
  readonly #opened = performance.now()

  private constructor(
    /** Seconds that earlier starts of this training have taken. */
    private readonly before: number,
    private readonly log: GrowingFile,
    private readonly events: GrowingFile,
    private readonly held: Lock,
  ) {}

  /**
   * Takes the folder `out`, for a fresh training or to continue from `checkpoint`: what was logged behind that is cut off.
   * @param settings goes into settings.json
   * @param onWait is told why it takes a while
   * @throws UserError when another process trains in it, or the file system refuses
   */
  static async open(
    out: string,
    checkpoint: Checkpoint | null,
    settings: unknown,
    onWait?: (line: string) => void,
  ): Promise<RunFolder> {
    await makeFolder(out)
    const held = await lock(join(out, 'train.lock'), out, { onWait })
    try {
      const paths = [checkpointPath, bestPath, lossCurvePath, samplesPath, settingsPath, logPath]
      await removeParts(
        paths.map((path) => path(out)),
        { areAlone: true },
      )
      if (!checkpoint) await removeLeft(out)
      const lines = checkpoint ? linesUpTo(checkpoint, await linesOf(logPath(out))) : []
      await saveFile(logPath(out), Buffer.from(lines.map(({ text }) => `${text}\n`).join('')))
      await saveFile(settingsPath(out), Buffer.from(`${JSON.stringify(settings, null, 2)}\n`))
      const name = `events.out.tfevents.${Math.floor(now())}.${process.pid}`
      const files = [new GrowingFile(logPath(out)), new GrowingFile(join(out, name))] as const
      const before = lines.reduce((most, { seconds }) => Math.max(most, seconds), 0)
      const folder = new RunFolder(before, ...files, held)
      folder.#add(versionEvent(now()))
      folder.#add(startEvent({ wallTime: now(), step: (checkpoint?.step ?? 0) + 1 }))
      return folder
    } catch (error) {
      await held.release()
      throw error
    }
  }

  logStep(line: LoggedStep): void {
    const { step, loss, learningRate, imagesPerSecond } = line
    this.#log(line)
    this.#add(
      scalarEvent(
        { wallTime: now(), step },
        {
          'train/loss': loss,
          'train/learning rate': learningRate,
          'train/images per second': imagesPerSecond,
        },
      ),
    )
  }

  logValidation(line: LoggedValidation, samples?: EncodedPicture): void {
    const moment = { wallTime: now(), step: line.step }
    this.#log(line)
    const ofSets = Object.entries(line.sets ?? {}).map(([name, error]) => [`val/ab error, ${name}`, error])
    this.#add(scalarEvent(moment, { 'val/ab error': line.val, ...Object.fromEntries(ofSets) }))
    if (samples) this.#add(imageEvent(moment, 'val/samples', samples))
  }

  /** Throws a `UserError` when the folder is another process's by now. */
  readonly check = (): void => this.held.check()

  async close(): Promise<void> {
    this.log.close()
    this.events.close()
    await this.held.release()
  }

  #log(line: LoggedStep | LoggedValidation): void {
    this.check()
    const seconds = this.before + (performance.now() - this.#opened) / 1000
    const time = new Date(1000 * now()).toISOString()
    this.log.append([Buffer.from(`${JSON.stringify({ ...line, seconds: round(seconds), time })}\n`)])
  }

  #add(event: Uint8Array): void {
    const { header, footer } = frameOf(event)
    this.events.append([header, event, footer])
  }
}

/** Seconds since 1970, which never go back while the program runs, whatever becomes of the machine's clock. */
const now = () => (performance.timeOrigin + performance.now()) / 1000

const round = (seconds: number) => Math.round(seconds * 1000) / 1000

/** A file that grows. What was appended is there even when the program is killed. Throws a UserError. */
class GrowingFile {
  readonly #file: number

  constructor(private readonly path: string) {
    this.#file = this.#orTrouble(() => openSync(path, 'a'))
  }

  append(pieces: readonly Uint8Array[]): void {
    const bytes = Buffer.concat(pieces)
    this.#orTrouble(() => {
      for (let done = 0; done < bytes.length; ) done += writeSync(this.#file, bytes, done)
    })
  }

  close(): void {
    closeSync(this.#file)
  }

  #orTrouble<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      throw fileTrouble('write', this.path, error)
    }
  }
}

/**
 * What a fresh training in `out` would overwrite or remove, although no training has left it: the path of one such file, or
 * null. A training that ended before its first checkpoint is known by its log, and makes room.
 */
export async function foreignFile(out: string): Promise<string | null> {
  const own = [bestPath, lossCurvePath, samplesPath, settingsPath, logPath].map((path) => path(out))
  const paths = (await readdir(out).catch(() => [])).map((name) => join(out, name))
  const found = paths.filter((path) => own.includes(path) || isEvents(basename(path)))
  const isLog = async () => (await readFile(logPath(out), 'utf8')).split('\n').slice(0, -1).every(isLogged)
  if (found.includes(logPath(out)) && (await isLog().catch(() => false))) return null
  return found[0] ?? null
}

const isLogged = (text: string) => parseLine(text).some(({ step }) => Number.isSafeInteger(step))

/** The events that a training left which ended before its first checkpoint: they would be taken for those of the next one. */
async function removeLeft(out: string): Promise<void> {
  for (const name of (await readdir(out)).filter(isEvents)) await rm(join(out, name))
}

interface Line {
  readonly text: string
  readonly step: number
  readonly isValidation: boolean
  readonly seconds: number
}

async function linesOf(path: string): Promise<Line[]> {
  const text = await readFile(path, 'utf8').catch((error) => {
    if (codeOf(error) === 'ENOENT') return ''
    throw fileTrouble('read', path, error)
  })
  return text.split('\n').flatMap(parseLine)
}

/** Nothing for half a line, which a kill may have left. */
function parseLine(text: string): Line[] {
  try {
    const { step, val, seconds } = JSON.parse(text)
    return [{ text, step, isValidation: val !== undefined, seconds }]
  } catch {
    return []
  }
}

/** The lines of what `checkpoint` has in it. */
function linesUpTo(checkpoint: Checkpoint, lines: readonly Line[]): Line[] {
  const validated = new Set(checkpoint.validations.map(({ step }) => step))
  return lines.filter(({ step, isValidation }) =>
    isValidation ? validated.has(step) : step <= checkpoint.step,
  )
}
