import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from '../src/cli/commands/command.ts'
import { findData } from '../src/cli/commands/training-data.ts'
import { TRAIN_OPTIONS } from '../src/cli/commands/training-options.ts'
import { findPhotos } from '../src/node/photos.ts'
import { readSafetensors, writeSafetensors } from '../src/node/safetensors.ts'
import { weightsOf } from '../src/node/store/runs.ts'
import type { Validation } from '../src/train/checkpoint.ts'
import { readEvents } from './events.ts'
import { onFullDisk } from './full-disk.ts'
import { killAndResume, type Pace, stepOf, succeeded, trainThrough } from './kill.ts'
import { lockText } from './locks.ts'
import { appears, type Ended, launch, run, start } from './program.ts'
import { refused } from './refused.ts'

const STEPS = 40
const TRAIN =
  'samples/photos --network report --classifier none --size 16 --batch 2 --width 0.05 --seed 3 --checkpoint-every 7 --validate-every 15'.split(
    ' ',
  )
const TO_THE_END = [...TRAIN, '--steps', String(STEPS)]

const folder = mkdtempSync(join(tmpdir(), 'colorizer-train-'))
const inFolder = (...names: string[]) => join(folder, ...names)
const reference = inFolder('reference')
const weights = join(reference, 'checkpoint.safetensors')
let trained: Ended & Pace
beforeAll(async () => {
  trained = await trainThrough(reference, [...TO_THE_END, '--json'])
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const json = ({ stdout }: Ended) => JSON.parse(stdout.toString())
const checkpointIn = (out: string) => readFileSync(join(out, 'checkpoint.safetensors'))
const bestIn = (out: string) => readFileSync(join(out, 'best.safetensors'))
const linesIn = (out: string) =>
  readFileSync(join(out, 'log.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
/** The steps that were logged with their losses, and those that were validated with their errors. */
const logIn = (out: string) =>
  linesIn(out).map(({ step, loss, val }) => (val === undefined ? { step, loss } : { step, val }))

describe('train', () => {
  it('prints one JSON document with what scripts rely on, and progress on stderr only', async () => {
    const result = json(trained)
    expect(result).toMatchObject({
      steps: STEPS,
      epochs: 2,
      checkpoint: weights,
      best: join(reference, 'best.safetensors'),
      adapter: expect.stringMatching(/\w/),
    })
    expect(result.loss).toHaveLength(STEPS)
    expect(result.loss.every(Number.isFinite)).toBe(true)
    expect(result.val.map(({ step }: { step: number }) => step)).toEqual([15, 30, 40])
    // faster than with what comes before the first step and with the validations
    const { seconds } = linesIn(reference).at(-1)
    expect(result.imagesPerSecond).toBeGreaterThan((STEPS * 2) / seconds)
    expect(trained.stderr).toMatch(/^step \d+ of 40 .* loss .* images\/s .* left$/m)
    const pictures = ['loss.png', 'samples.png'].map((name) => join(reference, name))
    expect(result.pictures).toEqual(pictures)
    const [curve, samples] = await Promise.all(pictures.map((picture) => sharp(picture).metadata()))
    expect(curve).toMatchObject({ format: 'png', width: 960, height: 540 })
    expect(samples).toMatchObject({ format: 'png', width: 512 })
  })

  it('leaves a folder with everything that is known of the training', async () => {
    const names = readdirSync(reference).map((name) => name.replace(/(tfevents)\.\d+\.\d+$/, '$1'))
    expect(names.sort()).toEqual([
      ...['best.safetensors', 'checkpoint.safetensors', 'events.out.tfevents'],
      ...['log.jsonl', 'loss.png', 'samples.png', 'settings.json'],
    ])
    expect(weightsOf(reference)).toBe(join(reference, 'best.safetensors'))
    const { loss, val, adapter } = json(trained)
    const settings = JSON.parse(readFileSync(join(reference, 'settings.json'), 'utf8'))
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
    expect(settings).toMatchObject({
      ...{ version, adapter, steps: STEPS, checkpointEvery: 7, validateEvery: 15 },
      data: { photos: ['samples/photos'] },
      network: 'report',
      architecture: { width: 0.05 },
      settings: { size: 16, batch: 2, seed: 3, learningRate: 1e-3, classVectors: [] },
    })
    const mean = (to: number) => loss.slice(to - 10, to).reduce((a: number, b: number) => a + b, 0) / 10
    const [at15, at30, at40] = val.map(({ step, abMse }: Validation) => ({ step, val: abMse }))
    const at = (step: number) => ({ step, loss: mean(step) })
    expect(logIn(reference)).toEqual([at(10), at15, at(20), at(30), at30, at(40), at40])
    const lowest = val.reduce((a: Validation, b: Validation) => (b.abMse < a.abMse ? b : a))
    const { metadata } = await readSafetensors(join(reference, 'best.safetensors'))
    expect([Number(metadata.step), Number(metadata.abMse)]).toEqual([lowest.step, lowest.abMse])
    const events = readdirSync(reference).find((name) => name.includes('tfevents'))!
    const read = readEvents(join(reference, events))
    expect(read.flatMap(({ step, scalars }) => ('train/loss' in scalars ? [step] : []))).toEqual([
      10, 20, 30, 40,
    ])
    const pictures = read.flatMap(({ step, images }) => ('val/samples' in images ? [step] : []))
    expect(pictures).toEqual([15, 30, 40])
    const { png, width, height } = read.find(({ images }) => 'val/samples' in images)!.images['val/samples']!
    expect(await sharp(png).metadata()).toMatchObject({ format: 'png', width, height })
  })

  it('does not touch a training that is there, unless it is told to resume it with the same settings', async () => {
    const before = checkpointIn(reference)
    refused(await run(['train', ...TRAIN, '--out', reference]), 2, /already holds a training: add --resume/)
    const otherSize = ['train', '--size', '24', '--out', reference, '--resume']
    refused(await run([...otherSize, 'samples/photos']), 2, /was trained with size 16, not 24/)
    const otherPhotos = ['train', 'samples/gray', '--out', reference, '--resume']
    refused(await run(otherPhotos), 2, /was trained with other training pictures/)
    expect(checkpointIn(reference).equals(before)).toBe(true)
    const left = join(folder, 'left')
    mkdirSync(left)
    writeFileSync(join(left, 'best.safetensors'), 'the best')
    refused(
      await run(['train', ...TRAIN, '--out', left]),
      2,
      /training whose checkpoint is gone: move it away/,
    )
    expect(bestIn(left).toString()).toBe('the best')
  })

  it('ends in the same bytes when it is killed at a random moment and resumed', async () => {
    const killed = await killAndResume(folder, TO_THE_END, reference, trained, Date.now() % 1e6)
    expect(killed.step).toBeLessThan(STEPS)
    expect(killed.sameBytes).toBe(true)
    expect(logIn(killed.out)).toEqual(logIn(reference))
  })

  it('saves after Ctrl-C and SIGTERM, exits 130, and resumes to the same bytes', async () => {
    const out = inFolder('interrupted')
    const steps: number[] = []
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const training = start([
        'train',
        ...TO_THE_END,
        '--out',
        out,
        ...(steps.length ? ['--resume'] : []),
        '--json',
      ])
      if (steps.length) await new Promise((resolve) => training.child.stderr!.once('data', resolve))
      else await appears(join(out, 'checkpoint.safetensors'), training)
      training.child.kill(signal)
      const ended = await training.ended
      expect(ended.code).toBe(130)
      expect(ended.stderr).toContain('stopping after the work in hand')
      expect(json(ended).steps).toBe(await stepOf(out))
      steps.push(await stepOf(out))
    }
    expect(steps[0]).toBeLessThan(STEPS)
    expect(steps[1]).toBeGreaterThan(steps[0]!)
    expect(steps[1]).toBeLessThan(STEPS)
    const env = { ...process.env, DEBUG: '1' } // node by node it gives the same bits, too
    // without a word on how long it is to train: as it was begun
    const onwards = ['train', 'samples/photos', '--out', out, '--resume']
    succeeded(await launch(onwards, { env }))
    expect(checkpointIn(out).equals(checkpointIn(reference))).toBe(true)
    expect(bestIn(out).equals(bestIn(reference))).toBe(true)
    expect(logIn(out)).toEqual(logIn(reference))
    expect(readdirSync(out).filter((name) => /part|lock/.test(name))).toEqual([])
  })

  it('stops in the middle of a validation, with a checkpoint', async () => {
    const out = inFolder('validating')
    const [first, ...others] = (await findPhotos(['samples/photos'])).map(({ path }) => path)
    const many = inFolder('many')
    mkdirSync(many)
    for (let n = 0; n < 10; n++)
      for (const path of others) copyFileSync(path, join(many, `${n}-${basename(path)}`))
    const options = [
      '--classifier',
      'none',
      '--network',
      'report',
      '--size',
      '16',
      '--batch',
      '1',
      '--width',
      '0.05',
      '--validate-every',
      '2',
    ]
    const training = start(['train', first!, ...options, '--val', many, '--out', out, '--json'])
    // the one line of progress tells that the first step is done; behind the second comes the validation, which takes seconds
    await new Promise((resolve) =>
      training.child.stderr!.on('data', (text) => /^step 1 of/m.test(text) && resolve(text)),
    )
    await sleep(300)
    training.child.kill('SIGTERM')
    const ended = await training.ended
    expect(ended.code).toBe(130)
    expect(json(ended)).toMatchObject({ steps: 2, val: [], best: null })
    expect(await stepOf(out)).toBe(2)
    expect(existsSync(join(out, 'train.lock'))).toBe(false)
  })

  it('refuses a folder in which another training is at work', async () => {
    const out = inFolder('busy')
    mkdirSync(out)
    writeFileSync(join(out, 'train.lock'), lockText())
    const busy = new RegExp(
      `process ${process.pid} is at work on .*busy; wait for it, or choose another folder`,
    )
    refused(await launch(['train', ...TO_THE_END, '--out', out, '--quiet']), 1, busy)
    expect(readdirSync(out)).toEqual(['train.lock'])
  })

  it('says when it becomes longer than it was begun, and keeps the old checkpoint whole when the disk is full', async () => {
    const { command, out, after } = await onFullDisk(folder, weights)
    const more = ['train', ...TRAIN, '--steps', '45', '--out', out, '--resume']
    const { code, stderr } = await launch(more, { command })
    expect(code).toBe(1)
    expect(stderr).toMatch(/^it was begun for 40 steps; the learning rate now falls over 45$/m)
    expect(stderr).toMatch(/\ncolorizer: cannot write .*checkpoint\.safetensors: the disk is full\n$/)
    expect(readdirSync(after).filter((name) => /safetensors/.test(name))).toEqual(['checkpoint.safetensors'])
    expect(checkpointIn(after).equals(checkpointIn(reference))).toBe(true)
  })

  it('stops when the loss is no number, says at which step and, with DEBUG=1, which layer it began in', async () => {
    const out = inFolder('diverged')
    mkdirSync(out)
    const { tensors, metadata } = await readSafetensors(weights)
    tensors.get('raw/decoder.conv4.bias')!.data.fill(3e38)
    const last = tensors.get('raw/decoder.conv5.weight')!.data
    for (let i = 0; i < last.length; i++) last[i] = i % 2 ? 10 : -10 // ∞ − ∞
    await writeSafetensors(join(out, 'checkpoint.safetensors'), tensors, { metadata })
    const before = checkpointIn(out)
    const resume = ['train', ...TRAIN, '--steps', '50', '--quiet', '--out', out, '--resume']
    // where max(NaN, 0) is 0 it does not reach the loss; then the weights tell, before they are saved
    const message =
      /(the loss became NaN at step 41|\S+ is NaN after step 42): training stopped, the last good checkpoint is kept/
    refused(await run(resume), 1, message)
    const checked = await launch(resume, { env: { ...process.env, DEBUG: '1' } })
    refused(
      checked,
      1,
      /step 41, layer decoder\.conv5: conv2d .* is the first to give -?(Infinity|NaN), at element/,
    )
    expect(readdirSync(out).filter((name) => /safetensors/.test(name))).toEqual(['checkpoint.safetensors'])
    expect(checkpointIn(out).equals(before)).toBe(true)
  })

  it('profiles some steps, and trains to the same bytes all the same', async () => {
    const [plain, profiled] = [inFolder('unprofiled'), inFolder('profiled')]
    const few = ['train', ...TRAIN, '--steps', '24', '--out']
    const trace = inFolder('trace.json')
    succeeded(await run([...few, plain, '--quiet']))
    const ended = await run([...few, profiled, '--profile', trace])
    succeeded(ended)
    expect(ended.stderr).toMatch(/^host, median ms of 10 steps$/m)
    expect(ended.stderr).toMatch(/^ {2}encode and submit +[\d.]+$/m)
    expect(ended.stderr).toMatch(/^kernels, mean ms of 10 steps: [\d.]+ in all$/m)
    expect(JSON.parse(readFileSync(trace, 'utf8')).traceEvents.length).toBeGreaterThan(1000)
    expect(checkpointIn(profiled).equals(checkpointIn(plain))).toBe(true)
  })

  it('trains on records, refuses those that are not there, and to validate on what it trains on', async () => {
    const records = inFolder('records')
    const four = ['cat', 'bee', 'sky', 'wine'].map((name) => `samples/photos/${name}.jpg`)
    const val = inFolder('val')
    mkdirSync(val)
    for (const name of ['dogs', 'cat', 'sky'])
      copyFileSync(`samples/photos/${name}.jpg`, join(val, `my-${name}.jpg`))
    const both =
      /2 of the 3 pictures to validate on are also trained on, first .*my-cat\.jpg, which is the same file as samples\/photos\/cat\.jpg/
    refused(await run(['train', ...four, '--val', val, '--out', inFolder('never')]), 2, both)
    const prepared = await run(['prepare', ...four, '--classifier', 'none', '--out', records, '--json'])
    succeeded(prepared)
    expect(json(prepared)).toMatchObject({ records: 4 })
    const options = '--network report --size 16 --batch 2 --width 0.05 --steps 2 --quiet --json'.split(' ')
    const ended = await run(['train', '--records', records, ...options, '--out', inFolder('from-records')])
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(json(ended)).toMatchObject({ steps: 2, epochs: 1 })
    const asked = ['train', '--records', records, '--classifier', 'mobilenet-v1', '--out', inFolder('never')]
    refused(
      await run(asked),
      4,
      /have no class vectors where .* are asked for: prepare them again with --classifier mobilenet-v1/,
    )
    refused(await run(['train', '--records', inFolder('none'), '--quiet']), 4, /none: no such file or folder/)
    refused(await run(['train', '--records', records, '--val', val, '--out', inFolder('never')]), 2, both)
    expect(existsSync(inFolder('never'))).toBe(false)
  })

  it('validates on several sets, tells of each by its name, and ends when their mean gets no better', async () => {
    const sets = ['near', 'far/near', 'far']
    const [near, alsoNear, far] = sets.map((name) => inFolder('sets', name)) as [string, string, string]
    for (const each of [near, alsoNear]) mkdirSync(each, { recursive: true })
    copyFileSync('samples/photos/dogs.jpg', join(near, 'dogs.jpg'))
    copyFileSync('samples/photos/wine.jpg', join(far, 'wine.jpg'))
    copyFileSync('samples/photos/bee.jpg', join(alsoNear, 'bee.jpg'))
    const train = 'train samples/photos/cat.jpg samples/photos/sky.jpg --classifier none --network report'
    const options =
      '--size 16 --batch 2 --width 0.05 --steps 30 --lr 1 --warmup 0 --validate-every 1 --patience 2'
    const words = [...train.split(' '), ...options.split(' '), '--out', inFolder('patient')]
    const ended = await run([...words, '--val', near, '--val', `${far}/`, '--json', '--quiet'])
    succeeded(ended)
    const { steps, val, outOfPatience } = json(ended)
    expect(outOfPatience).toBe(true)
    expect(steps).toBeLessThan(30)
    for (const { abMse, sets } of val) {
      expect(Object.keys(sets)).toEqual(['near', 'far'])
      expect(abMse).toBeCloseTo((sets.near + sets.far) / 2, 9)
    }
    const logged = linesIn(inFolder('patient')).filter(({ val }) => val !== undefined)
    expect(logged.map(({ sets }) => sets)).toEqual(val.map((each: Validation) => each.sets))
    const again = await run([...words, '--val', near, '--val', far, '--resume'])
    expect(again.stdout.toString()).toMatch(
      /^it ended early: 2 validations in a row were no better than that of step \d+$/m,
    )
    const never = [...train.split(' '), '--out', inFolder('never')]
    refused(await run([...never, '--val', near, '--val', `${near}/`]), 2, /--val .*near is given twice/)
    const bare = await run([...never, '--patience', '2'])
    refused(bare, 2, /--patience counts validations, and there is nothing to validate on/)
    const same = parse(['--val', near, '--val', alsoNear], TRAIN_OPTIONS).flags
    expect((await findData([], same)).val.map(({ name }) => name)).toEqual([near, alsoNear])
  })

  it('leaves damaged records out and says so with exit code 1, or refuses them with --strict', async () => {
    const records = inFolder('damaged')
    const three = ['cat', 'bee', 'sky'].map((name) => `samples/photos/${name}.jpg`)
    succeeded(await run(['prepare', ...three, '--classifier', 'none', '--out', records, '--json']))
    const shard = join(records, 'photos-00000-of-00001.tfrecord')
    const bytes = readFileSync(shard)
    bytes[5000]! ^= 1
    writeFileSync(shard, bytes)
    // all of them in every batch: what lies beyond the last step may be decoded ahead, or not
    const train =
      `train --records ${records} --network report --size 16 --batch 3 --width 0.05 --steps 3`.split(' ')
    const ended = await run([...train, '--quiet', '--json', '--out', inFolder('from-damaged')])
    expect(ended.code).toBe(1)
    expect(ended.stderr).toMatch(/the data of the record at byte 0 is corrupt/)
    expect(json(ended)).toMatchObject({ steps: 3, skipped: 1 })
    refused(await run([...train, '--strict', '--quiet', '--out', inFolder('strict')]), 4, /byte 0 is corrupt/)
    for (let at = 5000; at < bytes.length; at += 50_000) bytes[at]! ^= 1
    writeFileSync(shard, bytes)
    const none = await run([...train, '--quiet', '--out', inFolder('none-left')])
    expect(none).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/none of the 3 records to train on/),
    })
  })
})
