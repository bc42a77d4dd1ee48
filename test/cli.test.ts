import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { lightness } from '../src/color/lab.ts'
import type { Photo } from '../src/color/photo.ts'
import { readPhoto } from '../src/node/image.ts'
import { JOURNAL } from '../src/node/journal.ts'
import { findPhotos } from '../src/node/photos.ts'
import { readSafetensors, writeSafetensors } from '../src/node/safetensors.ts'
import { succeeded } from './kill.ts'
import { largeTiff } from './photographs.ts'
import { type Ended, launch, run } from './program.ts'
import { refused } from './refused.ts'

const COMMANDS = [
  'train',
  'colorize',
  'prepare',
  'evaluate',
  'golden',
  'doctor',
  'onnx',
  'weights',
  'tune',
  'completions',
]
const isRoot = process.getuid?.() === 0

const folder = mkdtempSync(join(tmpdir(), 'colorizer-cli-'))
const inFolder = (...names: string[]) => join(folder, ...names)
const weights = inFolder('reference', 'checkpoint.safetensors')
beforeAll(async () => {
  const few =
    'samples/photos --network report --classifier none --size 16 --batch 2 --width 0.05 --steps 40 --seed 3'.split(
      ' ',
    )
  succeeded(await run(['train', ...few, '--out', inFolder('reference')]))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const json = ({ stdout }: Ended) => JSON.parse(stdout.toString())

describe('the command line', () => {
  it.each(COMMANDS)('%s has --help and --version', async (name) => {
    const help = await run([name, '--help'])
    const version = await run([name, '--version'])
    expect(help).toMatchObject({ code: 0, stderr: '' })
    for (const part of [
      `Usage: colorizer ${name}`,
      '--json',
      '--quiet',
      '--adapter NAME',
      'Examples:',
      'Exit codes:',
    ])
      expect(help.stdout.toString()).toContain(part)
    const { version: wanted } = JSON.parse(readFileSync('package.json', 'utf8'))
    expect(version).toMatchObject({ code: 0, stderr: '' })
    expect(version.stdout.toString()).toBe(`${wanted}\n`)
  })

  it('has an overview that names every command', async () => {
    const { code, stdout } = await launch(['--help'])
    expect(code).toBe(0)
    for (const name of COMMANDS) expect(stdout.toString()).toMatch(new RegExp(`^  ${name} +\\S`, 'm'))
  })

  it.each<[string, RegExp]>([
    ['paint', /no command "paint": choose one of .*colorize/],
    ['queue add scans --out out --hints hints.json', /--hints is not there: .* colorizer colorize PHOTO /],
    ['queue add scans --out out --sheet=sheet.png', /--sheet is not there: colorizer queue report DIR/],
    ['train --colour', /Unknown option '--colour'; --help lists the options/],
    ['train --lr NaN', /--lr NaN: expected a number above 0/],
    ['train --size 20', /--size 20: expected a multiple of 8/],
    ['train --batch 0', /--batch 0: expected a number of at least 1/],
    ['train --width -1', /'--width' argument is ambiguous; .*--name=-1/],
    ['colorize photo.jpg', /needs -o OUT/],
    ['colorize photo.jpg - -o out', /stdin goes to stdout/],
    ['colorize photo.jpg -o out --quality 92.5', /--quality 92.5: expected a whole number/],
    [
      'colorize photo.jpg -o out --quality 101',
      /--quality 101: expected a number of at least 1 and at most 100/,
    ],
  ])('%s is a wrong command line', async (line, sentence) => {
    refused(await run(line.split(' ')), 2, sentence)
  })
})

/** 60×36 pixels: bright on the left, dark on the right, with some structure in it. */
const pixels = (channels: 1 | 3 | 4) =>
  Buffer.from(
    Array.from({ length: 60 * 36 }, (_, i) => {
      const [x, y] = [i % 60, Math.floor(i / 60)]
      const level = (x < 30 ? 190 : 50) + 20 * Math.sin(x / 3 + y / 2)
      if (channels === 1) return [level]
      return channels === 3 ? [level + 15, level, level - 20] : [level, level, level, y < 6 ? 0 : 255]
    }).flat(),
  )
const picture = (channels: 1 | 3 | 4) => sharp(pixels(channels), { raw: { width: 60, height: 36, channels } })

/** Largest and mean difference of the lightness of two pictures of one size. */
function lightnessError(a: Photo, b: Photo): { largest: number; mean: number } {
  expect([a.width, a.height]).toEqual([b.width, b.height])
  const [before, after] = [lightness(a.rgb), lightness(b.rgb)]
  const errors = before.map((L, i) => Math.abs(L - after[i]!))
  return { largest: Math.max(...errors), mean: errors.reduce((x, y) => x + y) / errors.length }
}

const isColoured = ({ rgb }: Photo) => rgb.some((level, i) => i % 3 > 0 && Math.abs(level - rgb[i - 1]!) > 8)

describe('colorize', () => {
  const input = inFolder('in')
  const GOOD = [
    'a.png',
    'deep/er/b.tif',
    'deep/gray.png',
    'deep/turned.jpg',
    'c.webp',
    'd.JPG',
    'see-through.png',
  ]
  beforeAll(async () => {
    mkdirSync(join(input, 'deep/er'), { recursive: true })
    const at = (name: string) => join(input, name)
    await picture(3).png().toFile(at('a.png'))
    await picture(3).tiff().toFile(at('deep/er/b.tif'))
    await picture(1).toColourspace('b-w').png().toFile(at('deep/gray.png'))
    await picture(3).withMetadata({ orientation: 6 }).jpeg().toFile(at('deep/turned.jpg'))
    await picture(3).webp().toFile(at('c.webp'))
    writeFileSync(at('d.JPG'), await picture(1).jpeg().toBuffer())
    await picture(4).png().toFile(at('see-through.png'))
  })

  it('colours a whole tree and keeps lightness, size and place; what fails is told, the rest is done', async () => {
    const bad = inFolder('bad')
    mkdirSync(join(bad, 'empty'), { recursive: true })
    const whole = readFileSync('samples/photos/cat.jpg')
    writeFileSync(join(bad, 'text.jpg'), 'not a picture at all')
    writeFileSync(join(bad, 'cut.jpg'), whole.subarray(0, whole.length / 2))
    writeFileSync(join(bad, 'nothing.png'), '')
    writeFileSync(join(bad, 'a.png'), readFileSync(join(input, 'a.png')))
    const failing = ['text.jpg', 'cut.jpg', 'nothing.png', 'missing.jpg', 'empty'].map((name) =>
      join(bad, name),
    )
    const out = inFolder('out')
    const options = ['-o', out, '--weights', weights, '--saturation', '10', '--json']
    const ended = await launch(['colorize', input, ...failing, join(bad, 'a.png'), ...options])
    expect(ended.code).toBe(1)

    const files: { input: string; output: string; error?: string; width: number; height: number }[] =
      json(ended).files
    const done = files.filter(({ error }) => error === undefined)
    expect(done.map(({ output }) => output).sort()).toEqual(
      [...GOOD, 'a-2.png'].map((name) => join(out, name)).sort(),
    )
    const sizes = Object.fromEntries(
      done.map(({ output, width, height }) => [output.slice(out.length + 1), [width, height]]),
    )
    for (const name of GOOD) {
      const coloured = await readPhoto(join(out, name))
      const { largest, mean } = lightnessError(await readPhoto(join(input, name)), coloured)
      // rounding to 8 bits moves L* by 0.25 at most, and evenly spread errors by half of that in the mean; JPEG and WebP
      // lose some on top of it
      const isLossless = /png|tif/.test(name)
      expect({ name, largest, isRight: largest < (isLossless ? 0.25 : 12) }).toMatchObject({ isRight: true })
      expect({ name, mean, isRight: mean < (isLossless ? 0.125 : 1) }).toEqual({ name, mean, isRight: true })
      expect({ name, isColoured: isColoured(coloured) }).toEqual({ name, isColoured: true })
      expect(sizes[name]).toEqual([coloured.width, coloured.height])
    }
    expect(sizes['deep/turned.jpg']).toEqual([36, 60])
    expect((await sharp(join(out, 'deep/turned.jpg')).metadata()).orientation ?? 1).toBe(1)
    const turned = lightness((await readPhoto(join(out, 'deep/turned.jpg'))).rgb)
    expect(turned[36 * 5 + 18]! - turned[36 * 55 + 18]!).toBeGreaterThan(30) // what was left is now above

    const reasons = Object.fromEntries(files.flatMap(({ input, error }) => (error ? [[input, error]] : [])))
    expect(Object.keys(reasons).sort()).toEqual([...failing].sort())
    const expected = [
      /not an image/,
      /truncated or damaged/,
      /empty \(0 bytes\)/,
      /no such file/,
      /has no images/,
    ]
    for (const [n, path] of failing.entries()) {
      expect(reasons[path]).toMatch(expected[n]!)
      expect(ended.stderr).toContain(reasons[path])
    }
  })

  it('takes globs, and says nothing on stderr with --quiet', async () => {
    const out = inFolder('globbed')
    const ended = await run([
      'colorize',
      `${input}/**/*r*.{png,jpg}`,
      '-o',
      out,
      '--weights',
      weights,
      '-q',
      '--compare',
    ])
    expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code: 0, stderr: '' })
    const names = readdirSync(out, { recursive: true }).map(String).sort()
    const wanted = ['deep/gray.png', 'deep/turned.jpg', 'see-through.png'].flatMap((name) => [
      name,
      name.replace(/\.\w+$/, '.compare.png'),
    ])
    expect(names.filter((name) => ![JOURNAL, 'deep'].includes(name))).toEqual(wanted.sort())
    expect(ended.stdout.toString()).toMatch(/^coloured 3 of 3 → .*globbed · \d+ s, [\d.]+ pictures\/s\n$/)
  })

  it('draws a contact sheet of what it coloured', async () => {
    const [out, sheet] = [inFolder('drawn'), inFolder('sheets', 'sheet.webp')]
    const colorize = ['colorize', `${input}/*.png`, '-o', out, '--weights', weights, '--json', '--sheet']
    const ended = await run([...colorize, sheet])
    const { files, sheet: told } = JSON.parse(ended.stdout.toString())
    expect(told).toBe(sheet)
    const { format, width, height } = await sharp(sheet).metadata()
    expect(format).toBe('webp')
    expect(width).toBe(8 + 2 * 168) // grey and ours, no original
    const coloured = files.filter((file: object) => 'output' in file)
    expect(coloured.length).toBeGreaterThan(1)
    expect(height).toBeGreaterThan(26 + coloured.length * 24) // a caption under each
    const refused = async (sentence: RegExp, ...args: string[]) => {
      const { code, stderr } = await run([...colorize, ...args])
      expect(stderr).toMatch(sentence)
      expect(code).toBe(2)
    }
    await refused(/its name must end in \.png or \.webp/, inFolder('sheet.jpg'))
    await refused(/would overwrite that photograph/, join(input, 'a.png'))
    await refused(/would overwrite a coloured picture/, join(out, 'a.png'))
  })

  it('writes a single picture into the file that -o names, in the format of its ending', async () => {
    const options = ['--weights', weights, '-q', '--classifier', 'none']
    const colorize = (out: string, ...inputs: string[]) =>
      run(['colorize', ...inputs.map((name) => join(input, name)), '-o', out, ...options])
    const out = inFolder('single', 'of-one.webp')
    expect((await colorize(out, 'a.png')).code).toBe(0)
    expect(await sharp(out).metadata()).toMatchObject({ format: 'webp', width: 60, height: 36 })

    const isFolder = inFolder('folder.jpg')
    mkdirSync(isFolder)
    expect((await colorize(isFolder, 'a.png')).code).toBe(0)
    expect(readdirSync(isFolder).sort()).toEqual([JOURNAL, 'a.png'])

    const [several, bmp] = [inFolder('several.jpg'), inFolder('one.bmp')]
    refused(await colorize(several, 'a.png', 'c.webp'), 2, /several\.jpg is one file, but there are 2 inputs/)
    refused(await colorize(several, 'deep'), 2, /several\.jpg is one file, but there are 3 inputs/)
    refused(await colorize(bmp, 'a.png'), 2, /cannot write .*one\.bmp: its name must end in \.jpg/)
    expect([several, bmp].filter(existsSync)).toEqual([])
    const before = readFileSync(join(input, 'a.png'))
    expect((await colorize(join(input, 'a.png'), 'a.png')).stderr).toMatch(/would overwrite the photograph/)
    expect(readFileSync(join(input, 'a.png')).equals(before)).toBe(true)
  })

  it('goes from stdin to stdout in the format that came in', async () => {
    const bytes = readFileSync(join(input, 'c.webp'))
    const { code, stdout } = await launch(['colorize', '-', '-o', '-', '--weights', weights], {
      input: bytes,
    })
    expect(code).toBe(0)
    expect(await sharp(stdout).metadata()).toMatchObject({ format: 'webp', width: 60, height: 36 })
  })

  it('reads a TIFF in parts from stdin, too, and where a queue tries one alone', async () => {
    const tiff = largeTiff()
    const options = ['--format', 'png', '--weights', weights]
    const sentence = 'has 280 megapixels, and so large a picture is only written as TIFF (--format)'
    const piped = await launch(['colorize', '-', '-o', '-', ...options], { input: tiff })
    refused(piped, 1, /stdin has 280 megapixels, and so large a picture is only written as TIFF \(--format\)/)
    const asked = Buffer.from('{"name":"scan.tif","output":"scan.png"}\n')
    const tried = await launch(['queue', 'try', ...options], { input: Buffer.concat([asked, tiff]) })
    expect(tried.stdout.toString().trim()).toBe(JSON.stringify({ error: `scan.tif ${sentence}` }))
  })

  it('never overwrites a photograph', async () => {
    const before = readFileSync(join(input, 'a.png'))
    const ended = await run(['colorize', join(input, 'a.png'), '-o', input, '--weights', weights, '-q'])
    expect({ code: ended.code, stdout: ended.stdout.toString() }).toEqual({ code: 1, stdout: '' })
    expect(ended.stderr).toMatch(/would overwrite the photograph .*a\.png/)
    expect(readFileSync(join(input, 'a.png')).equals(before)).toBe(true)
  })

  it('refuses weights that are missing, cannot colour or are none: exit code 4, no output', async () => {
    const untrained = inFolder('untrained.safetensors')
    const { tensors, metadata } = await readSafetensors(weights)
    tensors.get('decoder.conv5.weight')!.data.fill(0)
    await writeSafetensors(untrained, tensors, { metadata })
    const out = inFolder('never')
    const colorize = (file: string) => run(['colorize', join(input, 'a.png'), '-o', out, '--weights', file])
    refused(await colorize(inFolder('missing.safetensors')), 4, /missing\.safetensors: no such file/)
    refused(await colorize(untrained), 4, /an untrained network, which cannot colour/)
    refused(await colorize(join(input, 'a.png')), 4, /not a safetensors file/)
    expect(existsSync(out)).toBe(false)
  })

  it('says that a folder is unreadable', async () => {
    const locked = inFolder('locked')
    mkdirSync(locked)
    chmodSync(locked, 0)
    // root reads everything, so it becomes nobody for this
    if (isRoot) process.seteuid!(65534)
    try {
      await expect(findPhotos([locked])).rejects.toThrow(/cannot read .*locked: permission denied/)
    } finally {
      if (isRoot) process.seteuid!(0)
      chmodSync(locked, 0o700)
    }
  })
})

describe('golden', () => {
  it('prints the errors of each group as JSON and exits 1 when a number is wrong', async () => {
    const right = await run(['golden', 'test/golden/batch1.safetensors', '--json'])
    expect(right.code).toBe(0)
    const groups = ['evalForward', 'trainForward', 'gradients', 'losses', 'final']
    expect(json(right)).toMatchObject({ file: 'test/golden/batch1.safetensors', passed: true })
    expect(Object.keys(json(right).maxError)).toEqual(groups)

    const wrong = inFolder('wrong.safetensors')
    const { tensors } = await readSafetensors('test/golden/batch1.safetensors')
    tensors.get('adam/losses')!.data[3]! += 10
    await writeSafetensors(wrong, tensors)
    const { code, stdout } = await run(['golden', wrong])
    expect(code).toBe(1)
    expect(stdout.toString()).toMatch(/^FAILED .*\n(.*\n)*.*losses .* of the allowance .*adam\/losses/)
  })
})
