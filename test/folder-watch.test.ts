/** `colorize` on folders over time: several photographs at once, stops, and photographs that arrive. */
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, it } from 'vitest'
import { formatRate, Pace } from '../src/cli/colouring/pace.ts'
import { doneText } from '../src/cli/colouring/summary.ts'
import { watch } from '../src/cli/colouring/watch.ts'
import type { Painter } from '../src/infer/colorizer.ts'
import { inParallel, Room } from '../src/node/parallel.ts'
import { fileTrouble } from '../src/node/trouble.ts'
import { colour, onePainter, picturesIn, planOf, runningOf, silent, writeGray } from './folder-runs.ts'
import { killAndComplete } from './kill-folder.ts'
import { appears } from './program.ts'
import { reportWeights } from './report-weights.ts'

const root = mkdtempSync(join(tmpdir(), 'colorizer-watch-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

function fresh(name: string) {
  const folder = mkdtempSync(join(root, `${name}-`))
  const [album, out] = [join(folder, 'album'), join(folder, 'out')]
  return { folder, album, out, inAlbum: (file: string) => join(album, file) }
}

const never = new AbortController().signal

it('has as many pieces of work in hand as it may, and begins none behind a failure', async () => {
  let [now, most] = [0, 0]
  const begun: number[] = []
  const work = async (item: number) => {
    begun.push(item)
    most = Math.max(most, ++now)
    await sleep(5)
    now--
    if (item === 3) throw new Error('three')
  }
  await expect(inParallel([1, 2, 3, 4, 5, 6, 7], { most: 2, signal: never }, work)).rejects.toThrow('three')
  expect(most).toBe(2)
  expect(now).toBe(0) // all that was begun has ended
  expect(begun).toEqual([1, 2, 3, 4])
})

it('lets in what there is room for, in order, and what is too large alone', async () => {
  const room = new Room(10)
  const events: string[] = []
  const hold = (name: string, amount: number) =>
    room.with(amount, async () => {
      events.push(`+${name}`)
      await sleep(5)
      events.push(`-${name}`)
    })
  await Promise.all([hold('a', 6), hold('b', 4), hold('huge', 99), hold('c', 1)])
  expect(events.slice(0, 2)).toEqual(['+a', '+b'])
  expect(events.indexOf('+huge')).toBeGreaterThan(events.indexOf('-b'))
  expect(events.indexOf('+huge')).toBeGreaterThan(events.indexOf('-a'))
  expect(events.indexOf('+c')).toBe(events.indexOf('-huge') + 1)
})

it('tells the pace and the time left, without what the first picture waits for', () => {
  let now = 0
  const pace = new Pace(8, () => now)
  const stepAt = (ms: number, isColoured = true) => {
    now = ms
    pace.step(isColoured)
    return `${pace}`
  }
  expect(`${pace}`).toMatch(/ 0% · 0 of 8$/)
  expect(stepAt(10, false)).toMatch(/ 12% · 1 of 8$/) // no picture: nothing was compiled for it
  expect(stepAt(60_000)).toMatch(/ 25% · 2 of 8$/)
  expect(stepAt(62_000)).toMatch(/ 37% · 3 of 8 · 0\.5 pictures\/s · 10 s left$/)
  expect(stepAt(63_000, false)).toMatch(/ 50% · 4 of 8 · 0\.67 pictures\/s · 6 s left$/)
  expect([12.34, 1.234, 0.0351].map(formatRate)).toEqual([
    '12 pictures/s',
    '1.2 pictures/s',
    '0.035 pictures/s',
  ])
})

it('stops behind what is begun, says how many of how many are done, and goes on there', async () => {
  const { album, out, inAlbum } = fresh('stop')
  for (let i = 0; i < 6; i++) await writeGray(inAlbum(`${i}.png`), i)
  const stop = new AbortController()
  let seen = 0
  const predict: Painter['predictor']['predict'] = (...args) => {
    if (++seen === 3) stop.abort()
    return onePainter.predictor.predict(...args)
  }
  const painter = { ...onePainter, predictor: { predict } } as unknown as Painter
  const open = async () => ({ painter, file: { making: null } })
  const ran = await colour(out, [album], { open, jobs: 2, interrupted: stop.signal })
  const done = picturesIn(out)
  expect(done.length).toBeGreaterThanOrEqual(3)
  expect(done.length).toBeLessThan(6)
  expect(doneText(ran, out)).toMatch(new RegExp(`^coloured ${done.length} of 6 → `))
  const rest = await colour(out, [album])
  expect(doneText(rest, out)).toMatch(
    new RegExp(`^coloured ${6 - done.length} of ${6 - done.length} → .*; left out: ${done.length} done$`),
  )
})

it('watches: takes what has arrived whole, once, and what has failed again when it has changed', async () => {
  const { album, out, inAlbum } = fresh('watch')
  await writeGray(inAlbum('a.png'), 1)
  const bytes = readFileSync(inAlbum('a.png'))
  const stop = new AbortController()
  let looks = 0
  const said: string[] = []
  const terminal = {
    ...silent,
    say: (line: string) => said.push(line),
    warn: (line: string) => said.push(line),
  }
  const steps: Record<number, () => void> = {
    2: () => writeFileSync(inAlbum('b.png'), bytes.subarray(0, 40)), // its copying has begun
    3: () => appendFileSync(inAlbum('b.png'), bytes.subarray(40)),
    6: () => writeFileSync(inAlbum('c.png'), bytes.subarray(0, 60)), // and stays like that
    10: () => writeFileSync(inAlbum('c.png'), bytes),
    14: () => stop.abort(),
  }
  const running = await runningOf(out, { interrupted: stop.signal, terminal })
  const look = async () => {
    steps[++looks]?.()
    return planOf(out, [album], { journal: running.journal }, { mayBeEmpty: true })
  }
  const { outcomes, total } = await watch(look, running, 1)
  expect(total).toBe(3)
  expect(outcomes).toEqual([
    expect.objectContaining({ input: inAlbum('a.png'), output: join(out, 'a.png') }),
    expect.objectContaining({ input: inAlbum('b.png'), output: join(out, 'b.png') }),
    { input: inAlbum('c.png'), error: expect.stringMatching(/c\.png/) },
    expect.objectContaining({ input: inAlbum('c.png'), output: join(out, 'c.png') }),
  ])
  expect(said).toHaveLength(4)
  expect(said[0]).toBe(`${inAlbum('a.png')} → ${join(out, 'a.png')}`)
  expect(
    readdirSync(out)
      .filter((name) => name.endsWith('.png'))
      .sort(),
  ).toEqual(['a.png', 'b.png', 'c.png'])
})

it('gives what it shows a place of its own at every look', async () => {
  const { album, out, inAlbum } = fresh('places')
  for (const [i, name] of ['a.png', 'b.png'].entries()) await writeGray(inAlbum(name), i)
  const bytes = readFileSync(inAlbum('a.png'))
  writeFileSync(inAlbum('a.png'), bytes.subarray(0, 40))
  const stop = new AbortController()
  const places: number[] = []
  const onColoured = async (_row: unknown, _first: unknown, { place }: { place: number }) => {
    places.push(place)
    if (places.length === 2) stop.abort()
  }
  const running = await runningOf(out, { interrupted: stop.signal, onColoured })
  let looks = 0
  const look = async () => {
    if (++looks === 2) writeFileSync(inAlbum('a.png'), bytes) // a moment later than b, which comes behind it
    if (looks > 20) stop.abort()
    return planOf(out, [album], { journal: running.journal })
  }
  await watch(look, running, 1)
  expect(new Set(places).size).toBe(2)
})

it('ends watching when the disk is full', async () => {
  const { album, out, inAlbum } = fresh('full')
  for (let i = 0; i < 6; i++) await writeGray(inAlbum(`${i}.png`), i)
  const full = fileTrouble('write', 'a.png', Object.assign(new Error(), { code: 'ENOSPC' }))
  const predict = () => Promise.reject(full)
  const painter = { ...onePainter, predictor: { predict } } as unknown as Painter
  const warned: string[] = []
  const terminal = { ...silent, warn: (line: string) => warned.push(line) }
  const running = await runningOf(out, {
    ...{ terminal, jobs: 1 },
    open: async () => ({ painter, file: { making: null } }),
  })
  const look = () => planOf(out, [album], { journal: running.journal })
  const { outcomes, isDiskFull } = await watch(look, running, 1)
  expect(isDiskFull).toBe(true)
  expect(outcomes).toHaveLength(6)
  expect(warned).toEqual([
    'cannot write a.png: the disk is full',
    expect.stringMatching(/^the disk is full: 0 of 6 are done, 6 are left\./),
  ])
})

it('leaves whole pictures when it is killed, and a second run completes them', async () => {
  const { folder, album, out, inAlbum } = fresh('killed')
  for (let i = 0; i < 8; i++) await writeGray(inAlbum(`${i}.png`), i)
  const weights = join(folder, 'weights.safetensors')
  writeFileSync(weights, await reportWeights())
  const options = ['--weights', weights, '--jobs', '2']
  const { left, coloured } = await killAndComplete({ album, out, options }, (started) =>
    appears(join(out, '2.png'), started),
  )
  expect(left).toBeGreaterThan(0)
  expect(coloured).toBeLessThanOrEqual(8 - left + 2) // at most those that were in work are done again
})
