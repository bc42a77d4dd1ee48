import { constants } from 'node:buffer'
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { readAtOf } from '../src/io/read-at.ts'
import { openFile, withFile } from '../src/node/read-at.ts'

const folder = mkdtempSync(join(tmpdir(), 'read-at-'))
const path = join(folder, 'file')
afterAll(() => rmSync(folder, { recursive: true }))

const bytes = Uint8Array.from({ length: 100 }, (_, i) => i)

describe('bytes read in parts', () => {
  it.each([
    ['from memory', async () => ({ ...readAtOf(bytes.subarray(10), 'ten on'), close: async () => {} })],
    [
      'from a file',
      async () => {
        writeFileSync(path, bytes.subarray(10))
        return openFile(path)
      },
    ],
  ])('%s, each part in a buffer of its own', async (_, source) => {
    const file = await source()
    expect(file.size).toBe(90)
    const [part, same] = await Promise.all([file.read(5, 3), file.read(5, 3)])
    expect(part).toEqual(Uint8Array.of(15, 16, 17))
    expect([part.byteOffset, part.buffer.byteLength]).toEqual([0, 3])
    part.fill(0)
    expect([same, await file.read(5, 3)]).toEqual([Uint8Array.of(15, 16, 17), Uint8Array.of(15, 16, 17)])
    expect(await file.read(90, 0)).toEqual(new Uint8Array())
    await file.close()
  })

  it('bytes in memory that are not there', async () => {
    const past = readAtOf(bytes, 'page.bin').read(99, 2)
    await expect(past).rejects.toThrow('cannot read page.bin: it ends at byte 100, before byte 101')
  })

  it('a file that becomes shorter, and one that is asked for more than memory can hold', async () => {
    writeFileSync(path, bytes)
    await withFile(path, 'weights', async (file) => {
      truncateSync(path, 50)
      const shorter = {
        trouble: 'weights',
        message: `cannot read ${path}: it became shorter while it was read`,
      }
      await expect(file.read(40, 20)).rejects.toMatchObject(shorter)
      await expect(file.read(0, constants.MAX_LENGTH + 1)).rejects.toThrow(/too large for this machine/)
    })
  })

  it('a missing file and a folder, with the trouble asked for', async () => {
    await expect(openFile(join(folder, 'none'))).rejects.toMatchObject({ trouble: 'weights' })
    const read = withFile(folder, 'input', (file) => file.read(0, 1))
    await expect(read).rejects.toMatchObject({
      trouble: 'input',
      message: `cannot read ${folder}: it is a folder`,
    })
  })

  it('a file is closed behind its user, whatever happens', async () => {
    const kept = await withFile(path, 'weights', async (file) => file)
    await expect(kept.read(0, 1)).rejects.toThrow(/cannot read .*: /)
    const failing = withFile(path, 'weights', async () => {
      throw new Error('of the user')
    })
    await expect(failing).rejects.toThrow('of the user')
  })
})
