/** `colorize` into folders on disks that fill up, or that do not tell capitals. */
import { linkSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import sharp from 'sharp'
import { afterAll, expect, it } from 'vitest'
import { JOURNAL } from '../src/node/journal.ts'
import { colour, picturesIn, writeGray } from './folder-runs.ts'
import { onFullDisk } from './full-disk.ts'
import { mountFat } from './mounted.ts'
import { launch, run } from './program.ts'
import { reportWeights } from './report-weights.ts'

const root = mkdtempSync(join(tmpdir(), 'colorizer-disks-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
const fresh = (name: string) => mkdtempSync(join(root, `${name}-`))

/** Grey noise, of which nothing is packed small. */
async function writeNoise(path: string, side: number, seed: number): Promise<void> {
  let state = seed
  const levels = Uint8Array.from({ length: side * side }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state >>> 24
  })
  const raw = { width: side, height: side, channels: 1 } as const
  writeFileSync(path, await sharp(levels, { raw }).toColourspace('b-w').png().toBuffer())
}

it('stops when the disk is full, names what is left, leaves nothing half-written, and goes on once there is room', async () => {
  const folder = fresh('full')
  const [filler, weights, album] = [
    join(folder, 'filler'),
    join(folder, 'weights.safetensors'),
    fresh('album'),
  ]
  writeFileSync(filler, Buffer.alloc(400_000)) // leaves room for some of the pictures
  writeFileSync(weights, await reportWeights())
  const names = Array.from('abcdefgh', (letter) => `${letter}.png`)
  for (const [seed, name] of names.entries()) await writeNoise(join(album, name), 150, seed + 1)
  const { command, out, after } = await onFullDisk(folder, filler)
  const colorize = (to: string) => [
    'colorize',
    album,
    '-o',
    to,
    '--weights',
    weights,
    '--jobs',
    '2',
    '--json',
  ]
  const { code, stdout, stderr } = await launch(colorize(out), { command })
  expect(code).toBe(1)
  const { files } = JSON.parse(stdout.toString())
  expect(files.map(({ input }: { input: string }) => basename(input))).toEqual(names)
  const written = files.flatMap(({ output }: { output?: string }) => (output ? [basename(output)] : []))
  const failed = files.flatMap(({ error }: { error?: string }) => (error ? [error] : []))
  expect(written.length).toBeGreaterThan(0)
  const begun = failed.filter((error: string) => error !== 'not begun, since the disk is full')
  expect(begun.length).toBeGreaterThan(0)
  expect(begun.length).toBeLessThanOrEqual(2)
  expect(failed.length).toBeGreaterThan(begun.length)
  for (const error of begun) {
    expect(error).toMatch(/^cannot write .*: the disk is full$/)
    expect(stderr).toContain(error)
  }
  expect(stderr).not.toContain('not begun')
  expect(stderr).toContain(
    `the disk is full: ${written.length} of 8 are done, ${failed.length} are left. Make room and give the same command again`,
  )
  rmSync(join(after, 'filler'))
  const left = readdirSync(after).sort()
  expect(left).toEqual([JOURNAL, ...written].sort())
  for (const name of written) await sharp(join(after, name), { failOn: 'warning' }).stats()
  const again = await run(colorize(after))
  expect(again.code).toBe(0)
  const entries: { input: string; skipped?: string }[] = JSON.parse(again.stdout.toString()).files
  expect(entries.filter(({ skipped }) => skipped === 'done').map(({ input }) => basename(input))).toEqual(
    written,
  )
  expect(picturesIn(after)).toEqual(names)
})

/** Two folders whose photographs have names that differ by capitals alone, coloured together and one by one. */
async function differsByCapitals(out: string, folder: string, make: () => void): Promise<void> {
  const [one, two] = [join(folder, 'one'), join(folder, 'two')]
  await writeGray(join(one, 'A.png'), 1)
  await writeGray(join(two, 'a.png'), 2)
  await writeGray(join(two, 'b.png'), 3)
  await colour(out, [one])
  make()
  const later = await colour(out, [two])
  expect(later.outcomes).toEqual([
    expect.objectContaining({ output: join(out, 'a-2.png') }),
    expect.objectContaining({ output: join(out, 'b.png') }),
  ])
  const again = await colour(out, [one, two])
  expect(again.outcomes.map((outcome) => 'skipped' in outcome && outcome.skipped)).toEqual([
    'done',
    'done',
    'done',
  ])
}

it('tells names apart that differ by capitals, where one name stands for both', async () => {
  const folder = fresh('capitals')
  const out = join(folder, 'out')
  await differsByCapitals(out, folder, () => linkSync(join(out, 'A.png'), join(out, 'a.png')))
})

it('does so on FAT', async ({ skip }) => {
  const folder = fresh('fat')
  const mounted = mountFat(folder)
  if (!mounted) return skip('FAT can only be mounted by root, with mkfs.vfat, on Linux with vfat')
  try {
    await differsByCapitals(join(mounted.path, 'out'), folder, () => {})
    expect(picturesIn(join(mounted.path, 'out'))).toEqual(['A.png', 'a-2.png', 'b.png'])
  } finally {
    mounted.unmount()
  }
})
