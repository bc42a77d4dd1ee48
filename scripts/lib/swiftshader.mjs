// SwiftShader, a Vulkan driver that runs on the CPU and needs no rights to install: Chromium's build of it, with a
// Vulkan loader, out of the npm package @sparticuz/chromium.

import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { npm, say } from './shell.mjs'
import { filesInTar } from './tar.mjs'

const PACKAGE = '@sparticuz/chromium@153.0.0'
const INTEGRITY =
  'sha512-jiGWqSvPMdu4+P9TilYqAR7yEGPEHINx+lCvE/NqNO/EHYzF/x1hUiI5T6ioVIt7dEy7n88byyT0vk+dnsgQwA=='
const ARCHIVE = 'package/bin/swiftshader.tar.br'
const ICD = 'vk_swiftshader_icd.json'
const FILES = ['libvk_swiftshader.so', 'libvulkan.so.1', ICD]

/** The package carries a build for Linux on x86-64 only. */
export function swiftShaderRunsHere() {
  return process.platform === 'linux' && process.arch === 'x64'
}

/**
 * Fetches the driver into `cache` unless it is there. Throws when npm or the checksum fails.
 * @param {string} cache
 * @returns {{ libFolder: string, icd: string }}
 */
export function installSwiftShader(cache) {
  const folder = join(cache, `swiftshader-${PACKAGE.split('@').at(-1)}`)
  const driver = { libFolder: folder, icd: join(folder, ICD) }
  if (existsSync(driver.icd)) return driver

  say('Fetching SwiftShader, a software Vulkan driver, from npm (70 MB, once) …')
  mkdirSync(cache, { recursive: true })
  const aside = mkdtempSync(join(cache, 'part-'))
  try {
    unpackSwiftShader(fetchPackage(aside), INTEGRITY, join(aside, 'driver'))
    moveIntoPlace(join(aside, 'driver'), folder)
  } finally {
    rmSync(aside, { recursive: true, force: true })
  }
  return driver
}

/**
 * @param {string} aside
 * @returns {Buffer} the package as the registry serves it
 */
function fetchPackage(aside) {
  const retries = ['--fetch-retries=1', '--fetch-retry-mintimeout=2000'] // not a minute when there is no network
  const done = npm([
    'pack',
    PACKAGE,
    '--pack-destination',
    aside,
    '--ignore-scripts',
    '--loglevel=error',
    ...retries,
  ])
  const [file] = readdirSync(aside)
  if (!done.ok || !file) throw new Error(done.why)
  return readFileSync(join(aside, file))
}

/**
 * Writes the driver's files out of the npm package `tgz` into the new folder `folder`.
 * Throws, before anything is unpacked, when the package is not the one that `integrity` (as in a lock file) names.
 * @param {Buffer} tgz
 * @param {string} integrity
 * @param {string} folder
 * @param {{ archive?: string, files?: string[] }} [wanted]
 */
export function unpackSwiftShader(tgz, integrity, folder, { archive = ARCHIVE, files = FILES } = {}) {
  const actual = `sha512-${createHash('sha512').update(tgz).digest('base64')}`
  if (actual !== integrity) throw new Error(`its checksum is ${actual}, not ${integrity}`)

  const packed = new Map([...filesInTar(gunzipSync(tgz))].map(({ name, bytes }) => [name, bytes])).get(
    archive,
  )
  if (!packed) throw new Error(`it does not contain ${archive}`)
  mkdirSync(folder)
  const found = [...filesInTar(brotliDecompressSync(packed))].filter(({ name }) => files.includes(name))
  if (found.length !== files.length) throw new Error(`${archive} does not contain all of ${files.join(', ')}`)
  for (const { name, bytes } of found) writeFileSync(join(folder, name), bytes, { mode: 0o755, flush: true })
}

/**
 * @param {string} from
 * @param {string} to
 */
function moveIntoPlace(from, to) {
  try {
    renameSync(from, to)
  } catch (error) {
    if (!existsSync(join(to, ICD))) throw error // otherwise another process was faster, with the same files
  }
}
