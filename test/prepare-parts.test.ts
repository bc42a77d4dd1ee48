/** A set that is prepared in parts, as many machines do it, against one that is prepared in one go. */
import { copyFileSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { joinParts, type Part } from '../src/node/data/parts.ts'
import { preparePart, recordSettings } from '../src/node/data/prepare.ts'
import {
  broken,
  classifier,
  contents,
  folder,
  opposite,
  out,
  paths,
  prepare,
  usePictures,
} from './prepared.ts'

usePictures()

const OPTIONS = { shardSize: 2, workers: 1, classifiers: [classifier, opposite] }
const partsFolder = join(out, 'parts')

async function prepareParts(set: readonly string[], base?: string): Promise<Part[]> {
  const parts: Part[] = []
  for (let begin = 0; begin < set.length; begin += OPTIONS.shardSize) {
    const part = {
      folder: join(partsFolder, String(begin)),
      paths: set.slice(begin, begin + OPTIONS.shardSize),
    }
    await preparePart(part.paths, { ...OPTIONS, out: part.folder, base })
    parts.push(part)
  }
  return parts
}

describe('a set in parts', () => {
  it('has the bytes of one that was prepared at once, whatever is left out and wherever twins are', async () => {
    const [twin, third] = [join(folder, 'twin.png'), join(folder, 'third.png')]
    for (const copy of [twin, third]) copyFileSync(paths[1]!, copy)
    // a twin in the same part and in others, and a part of which nothing is left
    const set = [
      ...paths.slice(0, 3),
      paths[3]!,
      twin,
      broken,
      third,
      broken.replace('broken', 'missing'),
      paths[4]!,
    ]
    const manifest = await prepare({}, set)
    const whole = contents()
    rmSync(out, { recursive: true })
    const parts = await prepareParts(set)
    expect(await joinParts(out, parts, recordSettings(OPTIONS))).toEqual(manifest)
    rmSync(partsFolder, { recursive: true })
    expect(contents()).toEqual(whole)
    expect(manifest.skipped).toEqual({ undecodable: 2, gray: 0, tiny: 0, duplicate: 2 })
  })

  it('names photographs without the folder that they are relative to', async () => {
    const parts = await prepareParts(['0.png', 'broken.jpg', '1.png'], folder)
    await joinParts(out, parts, recordSettings(OPTIONS))
    rmSync(partsFolder, { recursive: true })
    const { 'sources.txt': sources, 'skipped.txt': skipped } = contents()
    expect(sources).toMatch(/^[0-9a-f]{64} {2}0\.png\n[0-9a-f]{64} {2}1\.png\n$/)
    expect(skipped).toMatch(/^undecodable: .*broken\.jpg/)
    expect(skipped).not.toContain(folder)
  })

  it('is refused where a part is missing, and goes on once it is there', async () => {
    const parts = await prepareParts(paths)
    rmSync(parts[1]!.folder, { recursive: true })
    await expect(joinParts(out, parts, recordSettings(OPTIONS))).rejects.toThrow(/is not whole/)
    expect(readdirSync(out)).toContain('unfinished')
    await preparePart(parts[1]!.paths, { ...OPTIONS, out: parts[1]!.folder })
    const { records } = await joinParts(out, parts, recordSettings(OPTIONS))
    expect(records).toBe(5)
  })
})
