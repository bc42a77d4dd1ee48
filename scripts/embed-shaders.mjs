// Writes the text of every file under shaders/ into src/device/shader-text.ts, so that the program, Node's or a
// browser's, reads no file at run time. Runs before every command of a clone (setup.mjs); the module is committed.

import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PACKAGE_ROOT } from './lib/shell.mjs'

const FOLDER = join(PACKAGE_ROOT, 'shaders')
const KERNELS = join(PACKAGE_ROOT, 'src', 'kernels')
const MODULE = join(PACKAGE_ROOT, 'src', 'device', 'shader-text.ts')

/** Name → path below shaders/: "conv2d_tiled" for conv/conv2d_tiled.wgsl, "lib/rows" for what shaders share. */
function shaderFiles() {
  const files = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
    .map((file) => file.replaceAll('\\', '/'))
    .filter((file) => file.endsWith('.wgsl'))
    .sort()
  const paths = new Map()
  for (const file of files) {
    const name = file.replace(/\.wgsl$/, '').replace(/^(?!lib\/).*\//, '')
    if (paths.has(name)) throw new Error(`shaders/${paths.get(name)} and shaders/${file} have the same name`)
    paths.set(name, file)
  }
  return paths
}

/**
 * Tells these kernels from others: a hash of the shaders and of the code that chooses among them and cuts their tiles.
 * @param {string[]} shaders
 */
function kernelVersion(shaders) {
  const hash = createHash('sha256')
  for (const text of shaders) hash.update(text)
  const code = readdirSync(KERNELS, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  )
  for (const file of code.sort())
    hash.update(readFileSync(join(KERNELS, file), 'utf8').replaceAll('\r\n', '\n'))
  return hash.digest('hex')
}

/** The text of the module. */
export function shaderModule() {
  const entries = [...shaderFiles()].map(([name, file]) => {
    const text = readFileSync(join(FOLDER, file), 'utf8').replaceAll('\r\n', '\n')
    return `  '${name}': \`${text.replace(/[`\\]|\$\{/g, '\\$&')}\`,`
  })
  return [
    '// Made by scripts/embed-shaders.mjs out of shaders/: change those files, not this one.',
    '',
    '/** Shader text by name: "conv2d_tiled", or "lib/rows" for what several shaders share. */',
    'export const SHADER_TEXT: Readonly<Record<string, string>> = {',
    ...entries,
    '}',
    '',
    '/** Tells these kernels from others: a hash of the shaders and of src/kernels. */',
    `export const KERNEL_VERSION = '${kernelVersion(entries)}'`,
    '',
  ].join('\n')
}

/** Writes the module where it differs from what the shaders say. The installed package has neither. */
export function embedShaders() {
  if (!existsSync(FOLDER)) return
  const text = shaderModule()
  let old = ''
  try {
    old = readFileSync(MODULE, 'utf8')
  } catch {}
  if (old !== text) writeFileSync(MODULE, text)
}
