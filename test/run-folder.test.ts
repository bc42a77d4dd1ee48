import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { findTwins, findTwinsOf } from '../src/node/data/twins.ts'
import { checkpointPath, foreignFile, RunFolder } from '../src/node/store/run-folder.ts'
import { newestRun, storeIn } from '../src/node/store/runs.ts'
import type { Best, Checkpoint } from '../src/train/checkpoint.ts'
import { readEvents } from './events.ts'
import { lockText } from './locks.ts'

const folder = mkdtempSync(join(tmpdir(), 'run-folder-'))
const out = join(folder, 'run')
afterAll(() => rmSync(folder, { recursive: true }))
beforeEach(() => rmSync(out, { recursive: true, force: true }))

/** What a folder looks at of a checkpoint. */
const checkpointAt = (step: number, ...validated: number[]) =>
  ({ step, validations: validated.map((step) => ({ step, abMse: 1 })) }) as unknown as Checkpoint
const step = (n: number) => ({ step: n, epoch: 1, loss: 100 - n, learningRate: 0.5, imagesPerSecond: 8 })
const validation = (n: number, isBest = true) => ({ step: n, val: 200 - n, isBest })
const linesIn = () =>
  readFileSync(join(out, 'log.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
const events = () =>
  readdirSync(out)
    .filter((name) => name.includes('tfevents'))
    .sort()
    .map((name) => readEvents(join(out, name)))

async function logged(checkpoint: Checkpoint | null, work: (run: RunFolder) => void) {
  const run = await RunFolder.open(out, checkpoint, { seed: 3 })
  work(run)
  await run.close()
}

describe('a run folder', () => {
  it('has settings, and a line for each step and validation that is logged', async () => {
    await logged(null, (run) => {
      run.logStep(step(10))
      run.logValidation(validation(15))
    })
    expect(JSON.parse(readFileSync(join(out, 'settings.json'), 'utf8'))).toEqual({ seed: 3 })
    const lines = linesIn()
    expect(lines).toMatchObject([step(10), validation(15)])
    for (const { seconds, time } of lines) {
      expect(seconds).toBeLessThan(60)
      expect(Math.abs(Date.parse(time) - Date.now())).toBeLessThan(60_000)
    }
    expect(existsSync(join(out, 'train.lock'))).toBe(false)
  })

  it('has the same as events that TensorBoard reads, with pictures', async () => {
    const png = await sharp({ create: { width: 5, height: 3, channels: 3, background: '#123' } })
      .png()
      .toBuffer()
    await logged(null, (run) => {
      run.logStep(step(10))
      run.logValidation(validation(300), { png, width: 5, height: 3 })
    })
    const [file, ...others] = events()
    expect(others).toEqual([])
    expect(file).toMatchObject([
      { version: 'brain.Event:2', isStart: false },
      { isStart: true, step: 1 },
      { step: 10, scalars: { 'train/loss': 90, 'train/learning rate': 0.5, 'train/images per second': 8 } },
      { step: 300, scalars: { 'val/ab error': -100 } },
      { step: 300, images: { 'val/samples': { width: 5, height: 3, colorspace: 3 } } },
    ])
    expect(file![4]!.images['val/samples']!.png.equals(png)).toBe(true)
    for (const { wallTime } of file!) expect(Math.abs(wallTime - Date.now() / 1000)).toBeLessThan(60)
  })

  it('logs the error on each set of pictures by its name, beside their mean', async () => {
    const sets = { val: 3, kodak: 5 }
    await logged(null, (run) => run.logValidation({ ...validation(196), sets }))
    expect(linesIn()).toMatchObject([{ step: 196, val: 4, sets }])
    const scalars = { 'val/ab error': 4, 'val/ab error, val': 3, 'val/ab error, kodak': 5 }
    expect(events()[0]!.at(-1)).toMatchObject({ step: 196, scalars })
  })

  it('is continued from a checkpoint without lines of what came after it, or half of one', async () => {
    await logged(null, (run) => {
      for (const n of [10, 20]) run.logStep(step(n))
      for (const n of [20, 25]) run.logValidation(validation(n))
      run.logStep(step(30))
    })
    appendFileSync(join(out, 'log.jsonl'), '{"step":4')
    await logged(checkpointAt(25, 20), (run) => run.logStep(step(30))) // stopped before it had validated step 25
    expect(linesIn()).toMatchObject([step(10), step(20), validation(20), step(30)])
    const seconds = linesIn().map((line) => line.seconds)
    expect(seconds).toEqual(seconds.toSorted((a, b) => a - b))
    expect(
      events()
        .flat()
        .filter(({ isStart }) => isStart),
    ).toMatchObject([{ step: 1 }, { step: 26 }])
  })

  it('is continued after more lines than a call takes arguments', async () => {
    mkdirSync(out)
    writeFileSync(join(out, 'log.jsonl'), '{"step":10,"seconds":7}\n'.repeat(130_000))
    await logged(checkpointAt(25), (run) => run.logStep(step(30)))
    const last = linesIn().at(-1)
    expect(last).toMatchObject(step(30))
    expect(last.seconds).toBeGreaterThan(7)
  })

  it('is cleared of what a training without a checkpoint left when another begins in it', async () => {
    await logged(null, (run) => run.logStep(step(10)))
    for (const name of ['checkpoint.safetensors.12345678-1234.part', 'best.safetensors.12345678-1234.part'])
      writeFileSync(join(out, name), '')
    await logged(null, (run) => run.logStep(step(20)))
    expect(linesIn()).toMatchObject([step(20)])
    expect(events()).toHaveLength(1)
    expect(readdirSync(out).filter((name) => /best|part/.test(name))).toEqual([])
  })

  it('tells what is in it that no training has left', async () => {
    expect(await foreignFile(out)).toBeNull()
    await logged(null, () => {}) // stopped before its first line
    expect(await foreignFile(out)).toBeNull()
    await logged(null, (run) => run.logStep(step(10)))
    appendFileSync(join(out, 'log.jsonl'), '{"step":4')
    expect(await foreignFile(out)).toBeNull()
    appendFileSync(join(out, 'log.jsonl'), '0}\n{"level":"info"}\n')
    const files = readdirSync(out).map((name) => join(out, name))
    expect(files).toContain(await foreignFile(out))
    for (const name of ['settings.json', 'samples.png', 'events.out.tfevents.1.x']) {
      rmSync(out, { recursive: true })
      mkdirSync(out)
      writeFileSync(join(out, 'notes.txt'), '')
      expect(await foreignFile(out)).toBeNull()
      writeFileSync(join(out, name), '{}')
      expect(await foreignFile(out)).toBe(join(out, name))
    }
  })

  it('belongs to one process at a time, but not to one that is gone', async () => {
    const run = await RunFolder.open(out, null, {})
    const taken = /^process \d+ is at work on .*run; wait for it, or choose another folder$/
    await expect(RunFolder.open(out, null, {})).rejects.toThrow(taken)
    run.logStep(step(10))
    await run.close()
    expect(linesIn()).toHaveLength(1)
    writeFileSync(join(out, 'train.lock'), lockText({ pid: 999999999 }))
    await logged(null, () => {})
    writeFileSync(join(out, 'train.lock'), lockText({ started: '1' })) // of a process before this one, with its number
    await logged(null, () => {})
  })

  it('is not written to by a process that has lost it', async () => {
    const run = await RunFolder.open(out, null, {})
    run.logStep(step(10))
    writeFileSync(join(out, 'train.lock'), lockText({ pid: 4321, host: 'other' }))
    const lost =
      /lost its hold on .*run, and writes nothing more: process 4321 of the machine other has taken it/
    expect(() => run.logStep(step(20))).toThrow(lost)
    await expect(storeIn(out, run.check).saveBest({} as Best)).rejects.toThrow(lost)
    await expect(storeIn(out, run.check).saveCheckpoint({} as Checkpoint)).rejects.toThrow(lost)
    await run.close()
    expect(linesIn()).toMatchObject([step(10)])
    expect(existsSync(join(out, 'train.lock'))).toBe(true)
    expect(existsSync(join(out, 'best.safetensors'))).toBe(false)
  })

  it('keeps its times when the clock is set back', async () => {
    const clock = vi.spyOn(Date, 'now')
    const running = vi.spyOn(performance, 'now')
    const start = performance.now()
    await logged(null, (run) => {
      running.mockReturnValue(start + 1000)
      run.logStep(step(10))
      clock.mockReturnValue(0)
      running.mockReturnValue(start + 3500)
      run.logStep(step(20))
    })
    clock.mockRestore()
    running.mockRestore()
    const [before, after] = linesIn()
    expect(Date.parse(after.time) - Date.parse(before.time)).toBe(2500)
    expect(after.seconds - before.seconds).toBeCloseTo(2.5, 2)
  })
})

describe('pictures that are both trained and validated on', () => {
  const files = join(folder, 'pictures')
  const path = (name: string) => join(files, name)
  beforeEach(() => {
    mkdirSync(files, { recursive: true })
    for (const [name, text] of Object.entries({
      a: 'one',
      b: 'two',
      c: 'three',
      d: 'one',
      e: 'six',
      f: 'two',
    }))
      writeFileSync(path(name), text)
  })

  it('are found by what is in them, whatever they are called', async () => {
    const [val, train] = [['d', 'e', 'f', 'missing'].map(path), ['a', 'b', 'c', 'gone'].map(path)]
    const twins = [
      { val: path('d'), train: path('a') },
      { val: path('f'), train: path('b') },
    ]
    expect(await findTwins(val, train)).toEqual(twins)
    expect(await findTwins([path('e')], train)).toEqual([])
    expect(await findTwins([path('a')], train)).toEqual([{ val: path('a'), train: path('a') }])
  })

  it('are found by the checksums of the photographs that records were made of', async () => {
    const sha256OfOne = '7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed'
    const sources = new Map([[sha256OfOne, 'somewhere/one.jpg']])
    expect(await findTwinsOf([path('b'), path('d')], sources)).toEqual([
      { val: path('d'), train: 'somewhere/one.jpg' },
    ])
  })
})

it('the newest training is the one whose checkpoint was written last, whatever its folder is called', async () => {
  const runs = join(folder, 'runs')
  expect(await newestRun(runs)).toBeNull()
  for (const [second, name] of ['mine', '20270101-120000', '20260101-120000'].entries()) {
    mkdirSync(join(runs, name), { recursive: true })
    writeFileSync(checkpointPath(join(runs, name)), '')
    utimesSync(checkpointPath(join(runs, name)), second + 1, second + 1)
  }
  mkdirSync(join(runs, 'without-checkpoint'))
  expect(await newestRun(runs)).toBe(join(runs, '20260101-120000'))
})
