/** What every storage does, whatever is behind it. */
import { expect, it } from 'vitest'
import type { Storage, StoredFile } from '../../src/node/storage/storage.ts'

export const bytes = (text: string) => new TextEncoder().encode(text)
export const text = (content: Uint8Array) => new TextDecoder().decode(content)

export async function listed(storage: Storage): Promise<StoredFile[]> {
  const files: StoredFile[] = []
  for await (const file of storage.list()) files.push(file)
  return files
}

export const pathsIn = async (storage: Storage) => (await listed(storage)).map(({ path }) => path)

/** Paths that leave the folder, or would on some systems. */
export const ESCAPES = ['', '.', '..', '../a', 'a/../../b', '/etc/passwd', 'a//b', 'a/', './a', 'a\0b']

/** @param fresh an empty storage */
export function itStores(fresh: () => Promise<Storage>): void {
  it('reads what was written in pieces, in folders made on the way', async () => {
    const storage = await fresh()
    await storage.write('1912/mai/ä b%20.txt', [bytes('some '), bytes(''), bytes('bytes')])
    expect(text(await storage.read('1912/mai/ä b%20.txt'))).toBe('some bytes')
    const { stamp, ...found } = (await storage.stat('1912/mai/ä b%20.txt'))!
    expect(found).toEqual({ path: '1912/mai/ä b%20.txt', size: 10 })
    expect(await listed(storage)).toEqual([{ ...found, stamp }])
    expect(await storage.stat('1912/mai')).toBeNull()
  })

  it('keeps a file without content', async () => {
    const storage = await fresh()
    await storage.write('empty', [])
    expect((await storage.read('empty')).length).toBe(0)
    expect(await storage.stat('empty')).toMatchObject({ size: 0 })
  })

  it('has another stamp for another content of the same length', async () => {
    const storage = await fresh()
    await storage.write('a.txt', [bytes('one')])
    const before = await storage.stat('a.txt')
    await storage.write('a.txt', [bytes('two')])
    expect(text(await storage.read('a.txt'))).toBe('two')
    expect((await storage.stat('a.txt'))!.stamp).not.toBe(before!.stamp)
  })

  it('lists in the order of paths, without hidden files and unfinished ones', async () => {
    const storage = await fresh()
    const shown = ['a-b', 'a.txt', 'a/b', 'a/c/d', 'b'].sort()
    for (const path of ['a/.hidden', '.hidden/a', 'b.txt.01234567-4321.part', ...shown.toReversed()])
      await storage.write(path, [bytes(path)])
    expect(await pathsIn(storage)).toEqual(shown)
    expect(text(await storage.read('.hidden/a'))).toBe('.hidden/a')
  })

  it('removes a file, and one that is not there', async () => {
    const storage = await fresh()
    await storage.write('a/b', [bytes('b')])
    await storage.remove('a/b')
    await storage.remove('a/b')
    expect(await storage.stat('a/b')).toBeNull()
    expect(await listed(storage)).toEqual([])
    await expect(storage.read('a/b')).rejects.toThrow(/^cannot read .*a\/b: no such file/)
  })

  it.each(ESCAPES)('refuses the path %j', async (path) => {
    const storage = await fresh()
    const refused = /is refused: it is no plain path/
    await expect(storage.read(path)).rejects.toThrow(refused)
    await expect(storage.stat(path)).rejects.toThrow(refused)
    await expect(storage.write(path, [bytes('x')])).rejects.toThrow(refused)
    await expect(storage.remove(path)).rejects.toThrow(refused)
    expect(await listed(storage)).toEqual([])
  })
}
