/** What the launcher does for the program: its stderr, and the folder that paths are relative to. */
import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { LAUNCHER, launch } from './program.ts'

const { remarksRemover } = await vi.importActual<{
  remarksRemover(): (piece: string | null) => string
}>('../scripts/lib/remarks.mjs')

const { needsAdapter } = await vi.importActual<{ needsAdapter(args: string[]): boolean }>(
  '../scripts/lib/needs.mjs',
)

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const NAME = 'a-photograph-with-a-name-that-is-wider-than-the-terminal.png'

let folder = ''
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'launcher-test-'))
  const create = { width: 24, height: 16, channels: 3 as const, background: '#777' }
  await sharp({ create }).png().toFile(join(folder, NAME))
  copyFileSync(join(ROOT, 'weights/mobilenet_v1.onnx'), join(folder, 'here.onnx'))
})
afterAll(() => rmSync(folder, { recursive: true }))

it.each([
  ['colorize a -o b', true],
  ['doctor', false],
  ['train --help', false],
  ['queue work --root a', true],
  ['queue --queue work status', true], // which word is the action is not known here
  ['queue status --queue work', false],
  ['queue add try --out a', false],
  ['queue prepare a --out b', false],
  ['queue prepare a --out b --taps', true],
])('looks for an adapter where it is needed: %s', (line, needed) => {
  expect(needsAdapter(line.split(' '))).toBe(needed)
})

describe("Dawn's remarks", () => {
  const SAID = `step 1 of 2
Warning: maxDynamicUniformBuffersPerPipelineLayout artificially reduced from 1000000 to 16 to fit dynamic offset allocation limit.
Warning: maxDynamicStorageBuffersPerPipelineLayout artificially reduced from 1000000 to 16 to fit dynamic offset allocation limit.

Warning: Couldn't load Vulkan: libvulkan.so.1: cannot open shared object file
    at operator() (/home/someone/dawn/src/dawn/native/vulkan/BackendVk.cpp:368)

Warning: loader_get_json: Failed to open JSON file /nonexistent.json
Warning: vkCreateInstance: Found no drivers!
Warning: vkCreateInstance failed with VK_ERROR_INCOMPATIBLE_DRIVER
    at CheckVkSuccessImpl (/home/someone/dawn/src/dawn/native/vulkan/VulkanError.cpp:106)


    at the end, a line of another kind
Warning: the device is lost`
  const SHOWN = `step 1 of 2

Warning: loader_get_json: Failed to open JSON file /nonexistent.json

    at the end, a line of another kind
Warning: the device is lost`

  it.each([1, 2, 7, 50, 1e4])('are taken out of pieces of %i characters, and nothing else is', (length) => {
    const withoutRemarks = remarksRemover()
    const pieces = SAID.match(new RegExp(`[^]{1,${length}}`, 'g'))!
    expect([...pieces, null].map(withoutRemarks).join('')).toBe(SHOWN)
  })

  it('do not hold up a line that cannot become one', () => {
    const withoutRemarks = remarksRemover()
    expect(withoutRemarks('War')).toBe('')
    expect(withoutRemarks('saw?')).toBe('Warsaw?')
    expect(withoutRemarks('\n━━━ 10%')).toBe('\n━━━ 10%')
  })
})

describe.runIf(process.platform === 'linux')('without a Vulkan loader', () => {
  it('the doctor says it once, in words of its own', async () => {
    const libraries = join(folder, 'libraries')
    mkdirSync(libraries)
    writeFileSync(join(libraries, 'libvulkan.so.1'), '')
    const ended = await launch(['doctor'], { env: { ...process.env, LD_LIBRARY_PATH: libraries } })
    expect(ended).toMatchObject({ code: 3, stderr: '' })
    expect(ended.stdout.toString().match(/no Vulkan driver works/g)).toHaveLength(1)
  })
})

const hasScript = process.platform === 'linux' && !spawnSync('script', ['--version']).error
describe.runIf(hasScript)('on a terminal (which script(1) plays)', () => {
  it('progress is drawn in place, as wide as the terminal, and results stay apart from it', () => {
    const words = [...LAUNCHER, 'colorize', NAME, '-o', 'out', '--classifier', 'none']
    const line = `stty cols 40; ${words.map((word) => `'${word}'`).join(' ')}`
    const shown = execFileSync('script', ['-qec', line, '/dev/null'], {
      ...{ cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
      env: { ...process.env, SHELL: '/bin/sh' },
    })
    const drawn = '──────────────────── 0% · 0 of 1 · a-photograph'.slice(0, 39)
    expect(shown).toContain(`${drawn}\r${' '.repeat(39)}\r`)
    expect(shown).toMatch(/\rcoloured 1 of 1 → out · \d+ s, [\d.]+ pictures\/s\r\n$/)
    expect(shown).not.toContain('Warning')
  })
})

describe('relative paths', () => {
  /** npm starts scripts in its package's folder; here the person always stands in `folder`. */
  it.each([
    ["npm start belong to this package's folder", 'start', 'webgpu-colorizer'],
    ['npx belong to the folder it is started in', 'npx', 'webgpu-colorizer'],
    ['a script of another package belong to the folder it is started in', 'colour', 'theirs'],
  ])('of %s', async (_what, script, name) => {
    const npm = { npm_lifecycle_event: script, npm_package_name: name, INIT_CWD: folder }
    const env = { ...process.env, ...npm }
    expect((await launch(['onnx', 'info', 'weights/mobilenet_v1.onnx'], { cwd: ROOT, env })).code).toBe(0)
  })

  it('of npm run belong to the folder that the person stands in', () => {
    const npm = ['--prefix', ROOT, 'run', '--silent', 'onnx', '--', 'info', 'here.onnx']
    const { status, stdout } = spawnSync('npm', npm, {
      cwd: folder,
      encoding: 'utf8',
      shell: process.platform === 'win32',
    })
    expect(status).toBe(0)
    expect(stdout).toContain('here.onnx')
  })
})
