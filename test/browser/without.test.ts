/** The page where something is missing: WebGPU, the network, storage. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { violations } from './access.ts'
import { BROWSERS } from './browser.ts'
import { Host } from './host.ts'
import { useBrowser, useSite } from './use.ts'
import { Visit } from './visit.ts'

const { sample } = inject('reference')
const site = useSite()

describe.each(BROWSERS)('the page in %s without WebGPU', (name) => {
  const opened = useBrowser(name, { webgpu: false })

  it('says so, and which browsers have it', async () => {
    const visit = await Visit.of(opened(), site.url())
    await expect(visit.until('ready')).rejects.toThrow(/WebGPU.*Chrome.*Firefox/)
    expect(await violations(visit.page)).toEqual([])
    expect(visit.errors).toEqual([])
  })
})

describe.each(BROWSERS)('the page in %s after a first visit', (name) => {
  const opened = useBrowser(name)
  let host: Host
  beforeAll(async () => {
    host = await Host.start({ '/': { folder: inject('site') } })
  })
  afterAll(() => host?.stop())

  it('fetches no weights again, and colours without a network', async () => {
    const first = await Visit.of(opened(), host.url)
    await first.until('ready')
    await first.page.evaluate(async () => void (await navigator.serviceWorker.ready))
    await first.close()
    const before = host.requests.length
    const again = await Visit.of(opened(), host.url)
    await again.until('ready')
    expect(host.requests.slice(before).filter((path) => /safetensors|onnx/.test(path))).toEqual([])
    await again.close()
    await host.stop()
    const second = await Visit.of(opened(), host.url)
    await second.trySample(sample)
    expect(await second.state()).toBe('done')
    expect(second.errors).toEqual([])
  })
})

describe.each(BROWSERS)('the page in %s where storage is forbidden', (name) => {
  const opened = useBrowser(name)

  it('colours all the same', async () => {
    const visit = await Visit.of(opened(), site.url(), () => {
      const refused = async () => {
        throw new DOMException('forbidden', 'SecurityError')
      }
      for (const method of ['open', 'match', 'has', 'keys', 'delete'] as const)
        Object.defineProperty(CacheStorage.prototype, method, { value: refused })
      Object.defineProperty(ServiceWorkerContainer.prototype, 'register', { value: refused })
    })
    await visit.trySample(sample)
    expect(visit.errors).toEqual([])
  })
})
