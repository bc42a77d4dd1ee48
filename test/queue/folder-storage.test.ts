import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { FolderStorage } from '../../src/node/storage/folder.ts'
import { openStorage } from '../../src/node/storage/storage.ts'
import { bytes, itStores, listed, pathsIn } from './storage.ts'

const folder = mkdtempSync(join(tmpdir(), 'storage-'))
afterAll(() => rmSync(folder, { recursive: true }))

let root = ''
let outside = ''
beforeEach(() => {
  root = mkdtempSync(join(folder, 'root-'))
  outside = mkdtempSync(join(folder, 'outside-'))
  writeFileSync(join(outside, 'secret'), 'secret')
})

describe('storage in a folder', () => {
  itStores(() => openStorage(root))

  it('makes its folder with the first file, and says that it is missing before', async () => {
    const storage = await openStorage(join(root, 'new', 'one'))
    await expect(listed(storage)).rejects.toThrow(/^cannot read the folder .*one: no such file or folder$/)
    expect(await storage.stat('a')).toBeNull()
    await storage.write('a', [bytes('a')])
    expect(readdirSync(join(root, 'new', 'one'))).toEqual(['a'])
  })

  it('lists a folder in the same order when not all of its names fit into memory', async () => {
    const names = Array.from({ length: 100 }, (_, i) => `${(i * 37) % 100}.jpg`)
    for (const name of names) writeFileSync(join(root, name), '')
    mkdirSync(join(root, '50'))
    writeFileSync(join(root, '50', 'a.jpg'), '')
    const all = [...names, '50/a.jpg'].sort()
    for (const count of [1, 7, 50, 101, 1000])
      expect(await pathsIn(new FolderStorage(root, count))).toEqual(all)
  })

  it('follows links to files inside, and refuses those that lead out', async () => {
    const storage = await openStorage(root)
    await storage.write('in/a', [bytes('a')])
    symlinkSync(join(root, 'in/a'), join(root, 'link'))
    symlinkSync(join(root, 'in'), join(root, 'folder-link'))
    symlinkSync(join(outside, 'secret'), join(root, 'out'))
    symlinkSync(outside, join(root, 'out-folder'))
    symlinkSync(join(root, 'nothing'), join(root, 'broken'))
    expect(await pathsIn(storage)).toEqual(['broken', 'in/a', 'link', 'out'])
    expect((await storage.read('link')).length).toBe(1)
    const refused = /is refused: a link on its way leads out of .*root-/
    await expect(storage.read('out')).rejects.toThrow(refused)
    await expect(storage.stat('out')).rejects.toThrow(refused)
    await expect(storage.read('out-folder/secret')).rejects.toThrow(refused)
    await expect(storage.write('out-folder/new/a', [bytes('a')])).rejects.toThrow(refused)
    await expect(storage.remove('out-folder/secret')).rejects.toThrow(refused)
    await expect(storage.read('broken')).rejects.toThrow(/broken: no such file/)
    expect(readdirSync(outside)).toEqual(['secret'])
  })

  it('replaces a link by the file that is written, and leaves what it leads to', async () => {
    symlinkSync(join(outside, 'secret'), join(root, 'out'))
    await (await openStorage(root)).write('out', [bytes('mine')])
    expect(readFileSync(join(root, 'out'), 'utf8')).toBe('mine')
    expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe('secret')
  })

  it('leaves nothing behind when a file cannot be written', async () => {
    const storage = await openStorage(root)
    mkdirSync(join(root, 'taken'))
    await expect(storage.write('taken', [bytes('a')])).rejects.toThrow(
      /^cannot write .*taken: it is a folder$/,
    )
    await storage.write('file', [bytes('a')])
    await expect(storage.write('file/b', [bytes('b')])).rejects.toThrow(/a file of that name is in the way/)
    expect(readdirSync(root).sort()).toEqual(['file', 'taken'])
  })

  it('lists the rest when told of a folder that cannot be read', async () => {
    const storage = await openStorage(root)
    for (const path of ['a/1', 'b/1', 'c/1']) await storage.write(path, [bytes(path)])
    const told: string[] = []
    const files: string[] = []
    for await (const { path } of storage.list(({ message }) => told.push(message))) {
      files.push(path)
      rmSync(join(root, 'b'), { recursive: true, force: true })
    }
    expect(files).toEqual(['a/1', 'c/1'])
    expect(told).toEqual([`cannot read the folder ${join(root, 'b/')}: no such file or folder`])
  })

  it('refuses addresses that it does not know', async () => {
    await expect(openStorage('gopher://host/a')).rejects.toThrow(/^cannot open gopher:\/\/host\/a: /)
  })
})
