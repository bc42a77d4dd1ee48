/** The page where something is missing or goes away: WebGPU, the adapter, the network, storage. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { violations } from './access.ts'
import { BROWSERS } from './browser.ts'
import { Host } from './host.ts'
import { useBrowser, useSite } from './use.ts'
import { Visit } from './visit.ts'

const { sample } = inject('reference')
const site = useSite()

/** Newer Chromium shows pages a `navigator.gpu` also where it was told to have no WebGPU. */
const withoutWebGpu = () => void Reflect.deleteProperty(Navigator.prototype, 'gpu')

describe.each(BROWSERS)('the page in %s without WebGPU', (name) => {
  const opened = useBrowser(name, { webgpu: false })

  it('says so, and which browsers have it', async () => {
    const visit = await Visit.of(opened(), site.url(), withoutWebGpu)
    await expect(visit.until('ready')).rejects.toThrow(/WebGPU.*Chrome.*Firefox/)
    expect(await violations(visit.page)).toEqual([])
    expect(visit.errors).toEqual([])
  })
})

describe('the page in chromium without an adapter', () => {
  const opened = useBrowser('chromium', { webgpu: false })

  it('says so, and how to turn it on', async () => {
    const visit = await Visit.of(opened(), site.url())
    await expect(visit.until('ready')).rejects.toThrow(/no graphics processor.*chrome:\/\/flags/)
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

  it('fetches no weights again, opens licences, and colours without a network', async () => {
    const first = await Visit.of(opened(), host.url)
    await first.until('ready')
    await first.page.evaluate(async () => void (await navigator.serviceWorker.ready))
    await first.close()
    const before = host.requests.length
    const again = await Visit.of(opened(), host.url)
    await again.until('ready')
    expect(host.requests.slice(before).filter((path) => /safetensors|onnx/.test(path))).toEqual([])
    for (const path of ['NOTICE', 'licenses/valibot.txt']) {
      await again.page.goto(`${host.url}/${path}`)
      expect(await again.page.$('#files'), path).toBeNull()
      expect(await again.page.evaluate(() => document.body.innerText)).toContain('MIT')
    }
    await again.close()
    await host.stop()
    const second = await Visit.of(opened(), host.url)
    await second.until('ready')
    await second.trySample(sample)
    expect(await second.state()).toBe('done')
    await second.page.goto(`${host.url}/index.html?from=a-friend`)
    await second.until('ready')
    expect(second.errors).toEqual([])
  })
})

describe.each(BROWSERS)('the page in %s', (name) => {
  const opened = useBrowser(name)

  it.each([
    [
      'forbidden',
      () => window.refuseStorage('SecurityError', CacheStorage, ['open', 'match', 'has', 'keys']),
    ],
    ['full', () => window.refuseStorage('QuotaExceededError', Cache, ['put', 'add', 'addAll'])],
  ])('gets ready where storage is %s', async (_, prepare) => {
    const fetched = () => site.host().requests.filter((path) => path.endsWith('.safetensors')).length
    const before = fetched()
    const visit = await Visit.of(opened(), site.url(), preludes, refusal, prepare)
    await visit.until('ready')
    await visit.page.reload()
    await visit.until('ready')
    expect(fetched() - before).toBe(2)
    expect(await visit.trouble()).toBeNull()
    expect(visit.errors).toEqual([])
    await visit.close()
  })
})

describe.each(BROWSERS)('the page in %s when its adapter is lost', (name) => {
  const opened = useBrowser(name)

  it('opens it again, and colours', async () => {
    const visit = await Visit.of(opened(), site.url(), preludes, losable)
    await visit.trySample(sample)
    await visit.page.evaluate(() => new BroadcastChannel('adapter').postMessage('lost'))
    await visit.clickPicture({ x: 0.3, y: 0.8 })
    await visit.page.waitForSelector('#swatch-list button')
    await visit.set('free-colour', '#b03020')
    await visit.until('done')
    expect(await visit.trouble()).toBeNull()
    expect(visit.errors).toEqual([])
  })
})

declare global {
  interface Window {
    /** Runs a function in the workers that the page makes of texts, before their own program. */
    beforeWorkers<T extends unknown[]>(run: (...given: T) => void, ...given: T): void
    refuseStorage(error: string, of: { readonly prototype: object; name: string }, methods: string[]): void
  }
}

/** Gives pages `beforeWorkers`. They have no service worker, so that their workers are made of texts. */
function preludes(): void {
  const register = () => Promise.reject(new DOMException('refused', 'SecurityError'))
  Object.defineProperty(ServiceWorkerContainer.prototype, 'register', { value: register })
  window.beforeWorkers = (run, ...given) => {
    const worker = `(${run})(${given.map((value) => JSON.stringify(value)).join()});`
    const { Blob } = window
    window.Blob = class extends Blob {
      constructor(parts: BlobPart[] = [], options: BlobPropertyBag = {}) {
        super(options.type === 'text/javascript' ? [worker, ...parts] : parts, options)
      }
    }
  }
}

/** Has the page's worker lose its adapter when it is told to. */
function losable(): void {
  window.beforeWorkers(() => {
    const { requestDevice } = GPUAdapter.prototype
    GPUAdapter.prototype.requestDevice = async function (...wanted) {
      const device = await requestDevice.apply(this, wanted)
      new BroadcastChannel('adapter').onmessage = () => device.destroy()
      return device
    }
  })
}

/** Gives pages a function that has methods refuse, in their workers, too. */
function refusal(): void {
  window.refuseStorage = (error, { name }, methods) => {
    const refuse = (error: string, name: 'Cache', methods: readonly string[]) => {
      const value = async () => {
        throw new DOMException('refused', error)
      }
      for (const method of methods) Object.defineProperty(globalThis[name].prototype, method, { value })
    }
    refuse(error, name as 'Cache', methods)
    window.beforeWorkers(refuse, error, name as 'Cache', methods)
  }
}
