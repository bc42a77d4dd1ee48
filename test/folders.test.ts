/** Folders of photographs: what is coloured, where to, and what a second run does. */
import {
  chmodSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from 'vitest'
import { partPath } from '../src/node/files.ts'
import { JOURNAL } from '../src/node/journal.ts'
import { findEach } from '../src/node/photos.ts'
import { colour, freshPlaces, onePainter, picturesIn, silent, writeGray } from './folder-runs.ts'
import { run } from './program.ts'
import { reportWeights } from './report-weights.ts'

/** No process has this number. */
const KILLED = 999999999

const root = mkdtempSync(join(tmpdir(), 'colorizer-folders-'))
const weights = join(root, 'weights.safetensors')
beforeAll(async () => writeFileSync(weights, await reportWeights()))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const fresh = (name: string) => freshPlaces(root, name)

it('says what it would do, and does nothing, with --dry-run', async () => {
  const { folder, album, out, inAlbum, inOut } = fresh('dry')
  await writeGray(inAlbum('a.png'))
  await writeGray(inAlbum('deep/b.gif'))
  const missing = join(folder, 'missing.png')
  const dry = ['-o', out, '--weights', weights, '--dry-run', '--format', 'png']
  const json = await run(['colorize', album, missing, ...dry, '--compare', '--json'])
  expect(json.code).toBe(1)
  expect(JSON.parse(json.stdout.toString())).toEqual({
    dryRun: true,
    files: [
      { input: missing, error: `cannot read ${missing}: no such file or folder` },
      { input: inAlbum('a.png'), output: inOut('a.png') },
      { input: inAlbum('a.png'), output: inOut('a.compare.png') },
      { input: inAlbum('deep/b.gif'), output: inOut('deep/b.png') },
      { input: inAlbum('deep/b.gif'), output: inOut('deep/b.compare.png') },
    ],
  })
  const text = await run(['colorize', album, ...dry])
  expect(text.stdout.toString()).toBe(
    `${inAlbum('a.png')} → ${inOut('a.png')}\n${inAlbum('deep/b.gif')} → ${inOut('deep/b.png')}\n2 to colour\n`,
  )
  expect(readdirSync(folder)).toEqual(['album'])
})

it('does only what is new or changed the second time, and all with --force', async () => {
  const { album, out, inAlbum, inOut } = fresh('again')
  for (const [seed, name] of ['a.png', 'b.png', 'c.png'].entries()) await writeGray(inAlbum(name), seed)
  await colour(out, [album])
  await writeGray(inAlbum('b.png'), 9)
  await writeGray(inAlbum('d.png'), 4)
  cpSync(inAlbum('c.png'), inAlbum('c.copy'))
  renameSync(inAlbum('c.copy'), inAlbum('c.png')) // touched, but the same
  const second = await colour(out, [album])
  expect(second.outcomes).toEqual([
    { input: inAlbum('a.png'), skipped: 'done' },
    expect.objectContaining({ input: inAlbum('b.png'), output: inOut('b.png') }),
    { input: inAlbum('c.png'), skipped: 'done' },
    expect.objectContaining({ output: inOut('d.png') }),
  ])
  const coloured = async (changes: Parameters<typeof colour>[2]) =>
    (await colour(out, [album], changes)).outcomes.filter((outcome) => 'output' in outcome).length
  expect(await coloured({})).toBe(0)
  expect(await coloured({ settings: 'others' })).toBe(4)
  expect(await coloured({ settings: 'others' })).toBe(0)
  expect(await coloured({ settings: 'others', force: true })).toBe(4)
})

it('knows by the command line whether it would do anything else', async () => {
  const { album, out, inAlbum } = fresh('settings')
  await writeGray(inAlbum('a.png'))
  const colorize = ['colorize', album, '-o', out, '--weights', weights, '--quiet']
  const first = await run(colorize)
  expect(first.stdout.toString()).toMatch(/^coloured 1 of 1 → .*out · \d+ s, [\d.]+ pictures\/s\n$/)
  const words = async (...options: string[]) => (await run([...colorize, ...options])).stdout.toString()
  expect(await words('--jobs', '1')).toBe(`coloured 0 of 0 → ${out}; left out: 1 done\n`)
  expect(await words('--dry-run', '--saturation', '2')).toMatch(/1 to colour\n$/)
  writeFileSync(weights, await reportWeights({ head: 'bins' }))
  expect(await words('--dry-run')).toMatch(/1 to colour\n$/)
  expect(await words('--dry-run', '--force')).toMatch(/1 to colour\n$/)
})

it('reads a copied folder once, and then knows it by its times again', async () => {
  const { album, out, inAlbum, inOut } = fresh('copied')
  await writeGray(inAlbum('a.png'))
  await colour(out, [album])
  cpSync(inOut('a.png'), inOut('copy'))
  renameSync(inOut('copy'), inOut('a.png'))
  const lines = () => readFileSync(inOut(JOURNAL), 'utf8').split('\n').length
  const before = lines()
  for (const _ of [1, 2]) {
    expect((await colour(out, [album])).outcomes).toEqual([{ input: inAlbum('a.png'), skipped: 'done' }])
    expect(lines()).toBe(before + 2)
  }
})

it('goes on where the whole archive was moved to', async () => {
  const { folder, album, inAlbum } = fresh('moved')
  await writeGray(inAlbum('a.png'))
  await colour(inAlbum('coloured'), [album])
  const moved = join(folder, 'moved')
  renameSync(album, moved)
  const again = await colour(join(moved, 'coloured'), [moved])
  expect(again.outcomes).toEqual([
    { input: join(moved, 'a.png'), skipped: 'done' },
    { input: join(moved, 'coloured/a.png'), skipped: 'made by this program' },
  ])
})

it('never takes its own pictures for photographs, wherever they lie', async () => {
  const { album, inAlbum } = fresh('own')
  await writeGray(inAlbum('a.gif'))
  await colour(album, [album], { compare: true, format: 'png' })
  await colour(inAlbum('sub/coloured'), [inAlbum('a.gif')], { format: 'png' })
  const before = picturesIn(album)
  expect(before).toEqual(['a.compare.png', 'a.png', 'sub/coloured/a.png'])
  const again = await colour(album, [album], { compare: true, format: 'png' })
  const made = 'made by this program'
  expect(again.outcomes.map((outcome) => 'skipped' in outcome && outcome.skipped)).toEqual([
    made,
    'done',
    made,
    made,
  ])
  expect(picturesIn(album)).toEqual(before)
})

it('overwrites nothing but what it made of the same photograph', async () => {
  const { album, out, inAlbum, inOut } = fresh('others')
  for (const [seed, name] of ['a.png', 'b.png'].entries()) await writeGray(inAlbum(name), seed)
  await writeGray(inOut('a.png'), 7)
  const strange = readFileSync(inOut('a.png'))
  const { outcomes } = await colour(out, [album])
  expect(outcomes).toEqual([
    {
      input: inAlbum('a.png'),
      error: expect.stringContaining('a.png, which this program did not make of it'),
    },
    expect.objectContaining({ output: inOut('b.png') }),
  ])
  await writeGray(inOut('b.png'), 8) // as if somebody had worked on it
  const changed = await colour(out, [album], { force: true })
  expect(changed.outcomes[1]).toEqual({
    input: inAlbum('b.png'),
    error: expect.stringContaining('b.png, which was changed since it was coloured'),
  })
  expect(readFileSync(inOut('a.png')).equals(strange)).toBe(true)
})

it('tells pictures of equal names apart, and finds each again', async () => {
  const { folder, out, inOut } = fresh('equal')
  const [one, two] = [join(folder, 'one'), join(folder, 'two')]
  await writeGray(join(one, 'a.png'), 1)
  await writeGray(join(two, 'a.png'), 2)
  await writeGray(join(two, 'a.gif'), 3)
  await writeGray(join(two, 'A.PNG'), 4)
  const first = await colour(out, [two], { format: 'png' })
  expect(first.outcomes).toEqual([
    expect.objectContaining({ input: join(two, 'A.PNG'), output: inOut('A.PNG') }),
    expect.objectContaining({ input: join(two, 'a.gif'), output: inOut('a-2.png') }),
    expect.objectContaining({ input: join(two, 'a.png'), output: inOut('a-3.png') }),
  ])
  const both = await colour(out, [one, two], { format: 'png' })
  expect(both.outcomes).toEqual([
    expect.objectContaining({ input: join(one, 'a.png'), output: inOut('a-4.png') }),
    ...['A.PNG', 'a.gif', 'a.png'].map((name) => ({ input: join(two, name), skipped: 'done' })),
  ])
})

it('colours the rest where a folder is locked, a link leads nowhere and a file is none', async () => {
  const { folder, album, out, inAlbum, inOut } = fresh('locked')
  await writeGray(inAlbum('a.png'))
  await writeGray(inAlbum('locked/b.png'))
  writeFileSync(inAlbum('text.png'), 'no picture')
  symlinkSync(inAlbum('nowhere'), inAlbum('link.png'))
  for (const above of [root, folder]) chmodSync(above, 0o777)
  chmodSync(inAlbum('locked'), 0)
  const isRoot = process.getuid?.() === 0
  if (isRoot) process.seteuid!(65534) // root reads everything
  const { outcomes } = await colour(out, [album]).finally(() => {
    if (isRoot) process.seteuid!(0)
    chmodSync(inAlbum('locked'), 0o700)
  })
  expect(outcomes).toEqual([
    { input: inAlbum('link.png'), error: expect.stringContaining('no such file') },
    { input: inAlbum('locked'), error: expect.stringContaining('permission denied') },
    expect.objectContaining({ output: inOut('a.png') }),
    { input: inAlbum('text.png'), error: expect.stringContaining('not an image') },
  ])
})

it("names HEIC without a decoder and cameras' raw files, of which many are TIFF files of a small preview", async () => {
  const { album, out, inAlbum, inOut } = fresh('unread')
  await writeGray(inAlbum('a.png'))
  writeFileSync(inAlbum('b.heic'), '\0\0\0\x18ftypheic\0\0\0\0')
  writeFileSync(inAlbum('c.NEF'), await sharp(inAlbum('a.png')).tiff().toBuffer())
  vi.doMock('heic-decode', () => {
    throw new Error('not installed')
  })
  onTestFinished(() => void vi.doUnmock('heic-decode'))
  expect((await colour(out, [album])).outcomes).toEqual([
    expect.objectContaining({ input: inAlbum('a.png') }),
    { input: inAlbum('b.heic'), error: expect.stringContaining('npm install heic-decode') },
    { input: inAlbum('c.NEF'), error: expect.stringContaining("is a camera's raw file, which is not read") },
  ])
  const journal = readFileSync(inOut(JOURNAL))
  expect((await colour(out, [album])).outcomes[0]).toEqual({ input: inAlbum('a.png'), skipped: 'done' })
  expect(readFileSync(inOut(JOURNAL)).equals(journal)).toBe(true) // a second run notes nothing
})

it('colours HEIC where its decoder is installed', async () => {
  const { album, out, inAlbum, inOut } = fresh('heic')
  await writeGray(inAlbum('a.png'))
  writeFileSync(inAlbum('b.heic'), readFileSync('test/heic/citrus.heic'))
  const { outcomes } = await colour(out, [album], {
    open: async () => ({ painter: onePainter, file: { making: null, recolor: true } }),
  })
  const size = { width: 96, height: 144 }
  expect(outcomes[1]).toMatchObject({ input: inAlbum('b.heic'), output: inOut('b.png'), ...size })
})

it('still says that an input has no photographs, but not where its folders are locked', async () => {
  const { folder } = fresh('empty')
  const { failures } = await findEach([folder])
  expect(failures).toEqual([{ input: folder, error: expect.stringContaining('has no images') }])
})

it('writes names of 255 bytes, with comparisons', async () => {
  const { album, out, inAlbum } = fresh('names')
  const [long, animated] = [`${'ä'.repeat(125)}x.png`, `${'n'.repeat(251)}.gif`]
  expect(Buffer.byteLength(long)).toBe(255)
  await writeGray(inAlbum(long))
  await writeGray(inAlbum(animated), 2)
  await colour(out, [album], { compare: true, format: 'png' })
  const names = picturesIn(out)
  expect(names.filter((name) => !name.includes('compare'))).toEqual([`${'n'.repeat(251)}.png`, long])
  expect(names).toHaveLength(4)
  expect(Math.max(...names.map((name) => Buffer.byteLength(name)))).toBe(255)
  const again = await colour(out, [album], { compare: true, format: 'png' })
  expect(again.outcomes.map((outcome) => 'skipped' in outcome && outcome.skipped)).toEqual(['done', 'done'])
})

it('shows control characters of names escaped', async () => {
  const { out, album, inAlbum } = fresh('control')
  await writeGray(inAlbum('a.png'))
  writeFileSync(inAlbum('a\n\u001b[31m\u202e.png'), 'no picture')
  const ended = await run(['colorize', album, '-o', out, '--weights', weights])
  expect(ended.code).toBe(1)
  expect(ended.stderr).toContain('a\\n\\u001b[31m\\u202e.png is not an image')
  for (const raw of ['\u001b', '\u202e']) expect(ended.stderr).not.toContain(raw)
})

it('completes what was cut off at any place between begin and end', async () => {
  const { album, out, inAlbum, inOut } = fresh('cut')
  const names = ['a.png', 'b.png']
  for (const [seed, name] of names.entries()) await writeGray(inAlbum(name), seed)
  await colour(out, [album], { jobs: 1 })
  const lines = readFileSync(inOut(JOURNAL), 'utf8').split('\n')
  expect(lines).toHaveLength(6) // settings, begin and end of each, and nothing behind the last
  const whole = names.map((name) => readFileSync(inOut(name)))
  for (let count = 0; count < lines.length - 1; count++) {
    const [kept, cut] = [lines.slice(0, count), lines[count]!]
    // what is not begun by then is not there; of the line in hand, half was written
    for (const name of names)
      if (!kept.some((line) => line.includes(`"output":"${name}"`))) rmSync(inOut(name), { force: true })
    writeFileSync(inOut(JOURNAL), [...kept, cut.slice(0, cut.length / 2)].join('\n'))
    writeFileSync(partPath(inOut('b.png'), KILLED), 'half of it')
    const { outcomes } = await colour(out, [album])
    expect({ count, failed: outcomes.filter((outcome) => 'error' in outcome) }).toEqual({ count, failed: [] })
    expect(names.map((name) => readFileSync(inOut(name)))).toEqual(whole)
    const again = await colour(out, [album])
    expect(again.outcomes).toEqual(names.map((name) => ({ input: inAlbum(name), skipped: 'done' })))
  }
})

it('removes what a killed process left of a picture that it now writes', async () => {
  const { album, out, inAlbum, inOut } = fresh('parts')
  await writeGray(inAlbum('a.png'))
  await writeGray(inOut('other.png'), 2)
  const kept = [
    partPath(inOut('a.png'), process.ppid),
    partPath(inOut('other.png'), KILLED),
    inOut('a.png.01234567-999999999.part'), // of another machine, and new
  ]
  const old = inOut('a.png.01234567-999999998.part')
  for (const path of [partPath(inOut('a.png'), KILLED), old, ...kept]) writeFileSync(path, 'half of it')
  utimesSync(old, 0, 0)
  await colour(out, [album])
  const parts = readdirSync(out).filter((name) => name.endsWith('.part'))
  expect(parts.sort()).toEqual(kept.map((path) => basename(path)).sort())
})

it('writes a single file once, and leaves it alone when it was made of another photograph', async () => {
  const { folder, inAlbum } = fresh('single')
  await writeGray(inAlbum('a.png'), 1)
  await writeGray(inAlbum('b.png'), 2)
  const out = join(folder, 'new.webp')
  const colorize = (name: string, ...more: string[]) =>
    run(['colorize', inAlbum(name), '-o', out, '--weights', weights, ...more])
  expect((await colorize('a.png')).code).toBe(0)
  expect((await colorize('a.png', '--dry-run')).stdout.toString()).toMatch(/^0 to colour; left out: 1 done$/m)
  const other = await colorize('b.png', '--dry-run')
  expect(other.code).toBe(1)
  expect(other.stdout.toString()).toMatch(/would overwrite .*new\.webp, which was made of another photograph/)
  expect(readdirSync(folder).sort()).toEqual(['album', 'new.webp'])
})

it('knows its pictures by what they say of themselves, without their journal', async () => {
  const { folder, album, out, inAlbum, inOut } = fresh('lost')
  for (const [seed, name] of ['a.png', 'b.png'].entries()) await writeGray(inAlbum(name), seed)
  await colour(out, [album])
  rmSync(inOut(JOURNAL))
  const again = await colour(out, [album])
  expect(again.outcomes).toEqual(
    ['a.png', 'b.png'].map((name) => ({ input: inAlbum(name), skipped: 'done' })),
  )
  cpSync(inOut('a.png'), inAlbum('copy.png'))
  cpSync(inOut('b.png'), inOut('a.png'))
  const { outcomes } = await colour(out, [album])
  expect(outcomes).toEqual([
    {
      input: inAlbum('a.png'),
      error: expect.stringContaining('a.png, which this program did not make of it'),
    },
    { input: inAlbum('b.png'), skipped: 'done' },
    { input: inAlbum('copy.png'), skipped: 'made by this program' },
  ])
  expect(readdirSync(folder).sort()).toEqual(['album', 'out'])
})

it('leaves pictures in colour alone, and says so', async () => {
  const { album, out, inAlbum, inOut } = fresh('colour')
  cpSync('samples/photos/dahlia.jpg', inAlbum('dahlia.jpg'))
  const said: string[] = []
  const terminal = { ...silent, say: (line: string) => said.push(line) }
  expect((await colour(out, [album], { terminal })).outcomes).toEqual([
    { input: inAlbum('dahlia.jpg'), skipped: 'in colour' },
  ])
  expect(said).toEqual([`${inAlbum('dahlia.jpg')} is in colour: it is left out without --recolor`])
  expect(readdirSync(out)).toEqual([JOURNAL])
  const open = () => Promise.reject(new Error('opened, although nothing is to be coloured'))
  expect((await colour(out, [album], { open })).outcomes).toEqual([
    { input: inAlbum('dahlia.jpg'), skipped: 'in colour' },
  ])
  const file = { recolor: true, making: null }
  const recolor = { settings: 'recolor', open: async () => ({ painter: onePainter, file }) }
  const recoloured = await colour(out, [album], recolor)
  expect(recoloured.outcomes).toEqual([expect.objectContaining({ output: inOut('dahlia.jpg') })])
  await writeGray(inAlbum('dahlia.jpg'), 1) // in place of the one in colour
  const anew = await colour(out, [album])
  expect(anew.outcomes).toEqual([expect.objectContaining({ output: inOut('dahlia.jpg') })])
})
