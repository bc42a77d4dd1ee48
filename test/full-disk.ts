import { cpSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { LAUNCHER, launch } from './program.ts'

export interface FullDisk {
  /** What to start instead of the program, with the program's own arguments behind it. */
  readonly command: string[]
  /** The folder on that disk. It is there for the program only. */
  readonly out: string
  /** What was in it when the program ended. */
  readonly after: string
}

const fullDisk = (freeBytes: number) => `
import fs from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
const { open } = fs
let room = ${freeBytes}
const take = (bytes) => {
  room -= bytes
  if (room < 0) throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' })
}
fs.open = async (path, flags) => {
  const file = await open(path, flags)
  const { write, writeFile } = file
  if (flags === 'r') return file
  file.write = async (bytes, ...more) => {
    take(bytes.length)
    return write.call(file, bytes, ...more)
  }
  file.writeFile = async (data) => {
    const bytes = Buffer.from(data)
    await writeFile.call(file, bytes.subarray(0, room)) // what still fits is there
    take(bytes.length)
  }
  return file
}
syncBuiltinESMExports()
`

/**
 * The program on a disk with `content` on it that has room for half as much again, so for no second checkpoint: a file system of its own where a user may mount one,
 * else a module loaded beforehand that lets writing fail as a full disk does.
 */
export async function onFullDisk(folder: string, content: string): Promise<FullDisk> {
  const [out, after] = [join(folder, 'disk'), join(folder, 'after')]
  mkdirSync(out)
  mkdirSync(after)
  const { size } = statSync(content)
  const kilobytes = Math.ceil((size * 1.5) / 1024)
  const mount = `mount -t tmpfs -o size=${kilobytes}k none ${out}`
  const script = `${mount} && cp ${content} ${out} && "$@"; code=$?; cp -r ${out}/. ${after}; exit $code`
  const mounts = await launch([], { command: ['unshare', '-rm', 'sh', '-c', mount] }).catch(() => ({
    code: 1,
  }))
  if (mounts.code === 0)
    return { command: ['unshare', '-rm', 'sh', '-c', script, 'sh', ...LAUNCHER], out, after }
  console.warn('no file system can be mounted here: the full disk is simulated')
  cpSync(content, join(after, basename(content)))
  const failing = join(folder, 'full-disk.mjs')
  writeFileSync(failing, fullDisk(size / 2))
  return { command: ['env', `NODE_OPTIONS=--import=${failing}`, ...LAUNCHER], out: after, after }
}
