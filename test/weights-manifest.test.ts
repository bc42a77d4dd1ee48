import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { cacheFolder, readManifest } from '../src/node/store/cache.ts'

const sum = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

describe('the package', () => {
  it('carries what its manifest says, with provenance in NOTICE', () => {
    const notice = readFileSync('NOTICE', 'utf8')
    const shipped = readManifest().filter((file) => file.shipped)
    expect(shipped.map(({ name }) => name)).toEqual(['lite', 'report-lite', 'mobilenet-v1', 'classes'])
    for (const file of shipped) {
      const bytes = readFileSync(join('weights', file.file))
      expect({ bytes: bytes.length, sha256: sum(bytes) }).toEqual({ bytes: file.bytes, sha256: file.sha256 })
      expect(notice).toContain(`\n${file.file}\n`)
    }
    const manifestless = readdirSync('weights').filter((name) => /\.(onnx|safetensors|txt)$/.test(name))
    expect(manifestless.sort()).toEqual(shipped.map(({ file }) => file).sort())
  })

  it('knows inception-resnet-v2 at more than one place, for three opsets', () => {
    const rows = readManifest().filter(({ name }) => name === 'inception-resnet-v2')
    expect(new Set(rows.map(({ sha256 }) => sha256)).size).toBe(3)
    for (const { locations, sha256, file } of rows) {
      expect(sha256).toMatch(/^[0-9a-f]{64}$/)
      expect(new Set(locations.map((url) => new URL(url).host)).size).toBeGreaterThan(1)
      for (const url of locations) expect(url).toMatch(new RegExp(`^https://.*/${file}$`))
    }
  })
})

it('keeps everything in the folder that the launcher uses', async () => {
  const launcher = await vi.importActual<{ cacheFolder(env: NodeJS.ProcessEnv): string }>(
    '../scripts/lib/memory.mjs',
  )
  for (const env of [{}, { COLORIZER_CACHE: 'somewhere' }, { XDG_CACHE_HOME: '/xdg' }]) {
    expect(cacheFolder(env)).toBe(launcher.cacheFolder(env))
  }
})
