import { cpSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PROGRAM, run } from './program.ts'

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
fs.open = async (path, flags) => {
  const file = await open(path, flags)
  const { write } = file
  if (flags === 'w') file.write = async (bytes, ...more) => {
    room -= bytes.length
    if (room < 0) throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' })
    return write.call(file, bytes, ...more)
  }
  return file
}
syncBuiltinESMExports()
`

/**
 * The program on a disk that has no room for a second checkpoint: a file system of its own where a user may mount one,
 * else a module loaded beforehand that lets writing fail as a full disk does.
 */
export async function onFullDisk(folder: string, checkpoint: string): Promise<FullDisk> {
  const [out, after] = [join(folder, 'disk'), join(folder, 'after')]
  mkdirSync(out)
  mkdirSync(after)
  const { size } = statSync(checkpoint)
  const kilobytes = Math.ceil((size * 1.5) / 1024)
  const mount = `mount -t tmpfs -o size=${kilobytes}k none ${out}`
  const script = `${mount} && cp ${checkpoint} ${out} && "$@"; code=$?; cp -r ${out}/. ${after}; exit $code`
  const mounts = await run([], { command: ['unshare', '-rm', 'sh', '-c', mount] }).catch(() => ({ code: 1 }))
  if (mounts.code === 0)
    return { command: ['unshare', '-rm', 'sh', '-c', script, 'sh', ...PROGRAM], out, after }
  console.warn('no file system can be mounted here: the full disk is simulated')
  cpSync(checkpoint, join(after, 'checkpoint.safetensors'))
  const failing = join(folder, 'full-disk.mjs')
  writeFileSync(failing, fullDisk(size / 2))
  const [node, ...rest] = PROGRAM
  return { command: [node!, '--import', failing, ...rest], out: after, after }
}
