import { createHash } from 'node:crypto'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

// The set-up runs before any dependency is there, so it is plain JavaScript; what the tests use of it is typed here.
type SourceFile = { name: string; text: string }
type Driver = { libFolder: string; icd: string } | null
type Found = { adapter: object; driver: Driver }
const { backportsSources } = await vi.importActual<{
  backportsSources(files: SourceFile[], codename: string): SourceFile[]
}>('../scripts/lib/apt-sources.mjs')
const { candidateVersion, mesaMajor } = await vi.importActual<{
  candidateVersion(policy: string): string | null
  mesaMajor(version: string): number
}>('../scripts/lib/apt.mjs')
const { cacheFolder, driverEnv, recall, remember } = await vi.importActual<{
  cacheFolder(env: Record<string, string>): string
  driverEnv(driver: Driver, base: Record<string, string>): Record<string, string | undefined>
  recall(cache: string, stamp?: string): Found | null
  remember(cache: string, found: Found, stamp?: string): void
}>('../scripts/lib/memory.mjs')
const { unpackSwiftShader } = await vi.importActual<{
  unpackSwiftShader(
    tgz: Buffer,
    integrity: string,
    folder: string,
    wanted: { archive: string; files: string[] },
  ): void
}>('../scripts/lib/swiftshader.mjs')
const { isOlder } = await vi.importActual<{ isOlder(path: string, reference: string): boolean }>(
  '../scripts/lib/dependencies.mjs',
)

const { findBrowser } = await vi.importActual<{
  findBrowser(name: 'chromium' | 'firefox', env: Record<string, string>): string | null
}>('../scripts/lib/browsers.mjs')

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'setup-test-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('backports derived from the sources of the machine', () => {
  const derive = (name: string, text: string) => backportsSources([{ name, text }], 'bookworm')

  it('keeps mirror and key of a deb822 source, and leaves the security suite alone', () => {
    const text = `# a comment
Types: deb deb-src
# another, inside the stanza
URIs: http://mirror.example/debian http://second.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
`
    expect(derive('debian.sources', text)).toEqual([
      {
        name: 'webgpu-colorizer-0.sources',
        text: `types: deb
uris: http://mirror.example/debian http://second.example/debian
suites: bookworm-backports
components: main
signed-by: /usr/share/keyrings/debian-archive-keyring.gpg
`,
      },
    ])
  })

  it('keeps a key that is written into the stanza', () => {
    const key =
      'Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBFx\n -----END PGP PUBLIC KEY BLOCK-----'
    const [source] = derive(
      'd.sources',
      `Types: deb\nURIs: x:y\nSuites: bookworm\nComponents: main\n${key}\n`,
    )
    expect(source?.text).toContain(' .\n mQINBFx\n -----END PGP PUBLIC KEY BLOCK-----\n')
    expect(source?.text).toContain('suites: bookworm-backports\n')
  })

  it('keeps the options of one-line sources, one line for each mirror', () => {
    const text = `# deb http://commented.example/debian bookworm main
deb [signed-by=/k.gpg arch=amd64] https://mirror.example/debian bookworm main contrib # note
deb http://other.example/debian bookworm main
deb-src http://mirror.example/debian bookworm main
deb http://mirror.example/debian-security bookworm-security main
`
    expect(derive('sources.list', text)).toEqual([
      {
        name: 'webgpu-colorizer-0.list',
        text: `deb [signed-by=/k.gpg arch=amd64] https://mirror.example/debian bookworm-backports main
deb http://other.example/debian bookworm-backports main
`,
      },
    ])
  })

  it('adds nothing where backports are there, the source is off, or none has this release', () => {
    const one = { name: 'a.list', text: 'deb http://m.example/debian bookworm main\n' }
    const has = {
      name: 'b.sources',
      text: 'Types: deb\nURIs: http://m.example/debian\nSuites: bookworm-backports\nComponents: main\n',
    }
    expect(backportsSources([one], 'bookworm')).toHaveLength(1)
    expect(backportsSources([one, has], 'bookworm')).toEqual([])
    expect(derive('off.sources', `Enabled: no\n${has.text.replace('-backports', '')}`)).toEqual([])
    expect(backportsSources([one], 'trixie')).toEqual([])
    expect(derive('a.list.save', one.text)).toEqual([])
  })
})

describe('the version apt would install', () => {
  it('is read from apt-cache policy', () => {
    const policy =
      'mesa-vulkan-drivers:\n  Installed: (none)\n  Candidate: 22.3.6-1+deb12u1\n  Version table:\n     25.0 100\n'
    expect(candidateVersion(policy)).toBe('22.3.6-1+deb12u1')
    expect(candidateVersion('mesa-vulkan-drivers:\n  Candidate: (none)\n')).toBeNull()
    expect(candidateVersion('')).toBeNull()
    expect(mesaMajor('22.3.6-1+deb12u1')).toBe(22)
    expect(mesaMajor('1:25.0.7-2~bpo12+1')).toBe(25)
  })
})

describe('what an earlier run found', () => {
  const adapter = { vendor: 'google', software: true }

  it('is believed while nothing has changed', () => {
    remember(folder, { adapter, driver: null }, 'then')
    expect(recall(folder, 'then')).toEqual({ adapter, driver: null })
    expect(recall(folder, 'now')).toBeNull()
    remember(folder, { adapter, driver: null })
    expect(recall(folder)).not.toBeNull()
  })

  it('is not believed when the driver is gone', () => {
    const driver = { libFolder: folder, icd: join(folder, 'icd.json') }
    writeFileSync(driver.icd, '{}')
    remember(folder, { adapter, driver }, 'then')
    expect(recall(folder, 'then')).toEqual({ adapter, driver })
    rmSync(driver.icd)
    expect(recall(folder, 'then')).toBeNull()
  })

  it('is not believed when the file is missing, cut short or empty', () => {
    expect(recall(folder, 'then')).toBeNull()
    for (const text of ['', '{"stamp":"then","ada', '{"stamp":"then"}', 'null']) {
      writeFileSync(join(folder, 'adapter.json'), text)
      expect(recall(folder, 'then')).toBeNull()
    }
  })

  it('need not be remembered: a folder that cannot be written is no error', () => {
    writeFileSync(join(folder, 'file'), '')
    expect(() => remember(join(folder, 'file'), { adapter, driver: null }, 'then')).not.toThrow()
  })

  it('lies in the folder of the user’s choice', () => {
    expect(cacheFolder({ XDG_CACHE_HOME: '/x' })).toBe('/x/webgpu-colorizer')
    expect(cacheFolder({ XDG_CACHE_HOME: '/x', COLORIZER_CACHE: '/y' })).toBe('/y')
    expect(cacheFolder({})).toMatch(/\.cache.webgpu-colorizer$/)
  })
})

describe('the environment of a driver', () => {
  const driver = { libFolder: '/d', icd: '/d/icd.json' }

  it('puts the driver first and keeps the rest', () => {
    expect(driverEnv(driver, { LD_LIBRARY_PATH: '/mine', HOME: '/h' })).toMatchObject({
      LD_LIBRARY_PATH: '/d:/mine',
      VK_DRIVER_FILES: '/d/icd.json',
      HOME: '/h',
    })
    expect(driverEnv(driver, {}).LD_LIBRARY_PATH).toBe('/d')
  })

  it('is the user’s own for a driver of the system', () => {
    const env = driverEnv(null, { LD_LIBRARY_PATH: '/mine' })
    expect(env.LD_LIBRARY_PATH).toBe('/mine')
    expect(env).not.toHaveProperty('VK_DRIVER_FILES')
  })
})

describe('the package that carries SwiftShader', () => {
  const wanted = { archive: 'package/bin/driver.tar.br', files: ['lib.so', 'icd.json'] }
  const driver = tar({ 'other.so': 'no', 'lib.so': 'library', 'icd.json': '{}' })
  const tgz = gzipSync(tar({ 'package/README.md': 'r', [wanted.archive]: brotliCompressSync(driver) }))
  const integrity = `sha512-${createHash('sha512').update(tgz).digest('base64')}`

  it('is unpacked, and only what is wanted', () => {
    const to = join(folder, 'driver')
    unpackSwiftShader(tgz, integrity, to, wanted)
    expect(readFileSync(join(to, 'lib.so'), 'utf8')).toBe('library')
    expect(readFileSync(join(to, 'icd.json'), 'utf8')).toBe('{}')
    expect(existsSync(join(to, 'other.so'))).toBe(false)
  })

  it('is refused with another checksum, and nothing is written', () => {
    const changed = Buffer.from(tgz)
    changed[changed.length - 1]! ^= 1
    const to = join(folder, 'driver')
    expect(() => unpackSwiftShader(changed, integrity, to, wanted)).toThrow(
      /checksum is sha512-.*, not sha512-/,
    )
    expect(existsSync(to)).toBe(false)
  })

  it('is refused when it lacks a file', () => {
    const to = join(folder, 'driver')
    expect(() => unpackSwiftShader(tgz, integrity, to, { ...wanted, archive: 'package/x' })).toThrow(
      /package\/x/,
    )
    expect(() => unpackSwiftShader(tgz, integrity, to, { ...wanted, files: ['lib.so', 'gone'] })).toThrow(
      /gone/,
    )
    const short = gzipSync(tar({ a: 'a'.repeat(600) }).subarray(0, 1024))
    const sum = `sha512-${createHash('sha512').update(short).digest('base64')}`
    expect(() => unpackSwiftShader(short, sum, to, wanted)).toThrow('the archive is cut short')
  })
})

describe('a browser for the tests', () => {
  it('is what its variable names, or else the first program on PATH that can be run', () => {
    const [plain, debian, own] = ['firefox', 'firefox-esr', 'own'].map((name) => join(folder, name))
    const env = { PATH: folder }
    expect(findBrowser('firefox', env)).toBeNull()
    writeFileSync(debian!, '')
    writeFileSync(plain!, '', { mode: 0o755 })
    expect(findBrowser('firefox', env)).toBe(plain)
    expect(findBrowser('chromium', env)).toBeNull()
    chmodSync(debian!, 0o755)
    expect(findBrowser('firefox', env)).toBe(debian)
    expect(findBrowser('firefox', { ...env, COLORIZER_FIREFOX: own! })).toBeNull()
    writeFileSync(own!, '', { mode: 0o755 })
    expect(findBrowser('firefox', { ...env, COLORIZER_FIREFOX: own! })).toBe(own)
  })
})

describe('the dependencies', () => {
  it('are installed when missing or older than the lock file', () => {
    const [installed, lock] = [join(folder, 'installed'), join(folder, 'lock')]
    writeFileSync(lock, '')
    expect(isOlder(installed, lock)).toBe(true)
    writeFileSync(installed, '')
    utimesSync(lock, 1000, 1000)
    utimesSync(installed, 999, 999)
    expect(isOlder(installed, lock)).toBe(true)
    utimesSync(installed, 1000, 1000)
    expect(isOlder(installed, lock)).toBe(false)
  })
})

/** A ustar archive of the given files. */
function tar(files: Record<string, string | Buffer>): Buffer {
  const blocks = Object.entries(files).flatMap(([name, content]) => {
    const header = Buffer.alloc(512)
    header.write(name, 0)
    header.write(Buffer.byteLength(content).toString(8).padStart(11, '0'), 124)
    header.write('0', 156)
    const padding = Buffer.alloc((512 - (Buffer.byteLength(content) % 512)) % 512)
    return [header, Buffer.from(content), padding]
  })
  return Buffer.concat([...blocks, Buffer.alloc(1024)])
}
