/** What files are, by their first bytes. */
import { readFileSync } from 'node:fs'
import sharp from 'sharp'
import { expect, it } from 'vitest'
import { kindOf } from '../../../web/src/files/kind.ts'

const image = () => sharp({ create: { width: 4, height: 4, channels: 3, background: '#123456' } })
const frame = (r: number) =>
  sharp({ create: { width: 4, height: 4, channels: 3, background: { r, g: 0, b: 0 } } })
    .png()
    .toBuffer()
const frames = sharp([await frame(0), await frame(200)], { join: { animated: true } })
const usual = { isDeep: false, isAnimated: false, isWhole: true }

it.each([
  ['jpeg', image().jpeg(), usual],
  ['png', image().png(), usual],
  ['png', image().toColourspace('rgb16').png(), { ...usual, isDeep: true }],
  ['webp', image().webp(), usual],
  ['webp', frames.clone().webp({ loop: 0 }), { ...usual, isAnimated: true }],
  ['gif', image().gif(), usual],
  ['gif', frames.clone().gif({ loop: 0 }), { ...usual, isAnimated: true }],
  ['tiff', image().tiff(), usual],
  ['avif', image().avif(), usual],
] as const)('knows %s', async (kind, picture, traits) => {
  expect(kindOf(Uint8Array.from(await picture.toBuffer()))).toEqual({ kind, ...traits })
})

it.each([
  ['empty', new Uint8Array()],
  ['other', Uint8Array.from(readFileSync('package.json'))],
  ['heic', Uint8Array.from('\0\0\0\x18ftypheic', (character) => character.charCodeAt(0))],
  ['other', Uint8Array.from('\0\0\0\x18ftypmp42', (character) => character.charCodeAt(0))],
  ['tiff', Uint8Array.from('MM\0+\0\x08', (character) => character.charCodeAt(0))],
  ['other', Uint8Array.of(1)],
])('knows %s', (kind, bytes) => {
  expect(kindOf(bytes).kind).toBe(kind)
})

it.each([
  ['jpeg', image().jpeg()],
  ['png', image().png()],
  ['webp', image().webp()],
])('knows %s files that were cut', async (kind, picture) => {
  const bytes = Uint8Array.from(await picture.toBuffer())
  for (const length of [bytes.length - 2, Math.floor(0.7 * bytes.length)])
    expect(kindOf(bytes.subarray(0, length))).toMatchObject({ kind, isWhole: false })
})

it('knows PNG files that are damaged in the middle', async () => {
  const bytes = Uint8Array.from(await image().png().toBuffer())
  bytes[Math.floor(bytes.length / 2)]! ^= 1
  expect(kindOf(bytes).isWhole).toBe(false)
})
