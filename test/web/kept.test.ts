/** Files in the browser's cache, of which Node has none: a map stands in for it. */
import { createHash } from 'node:crypto'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Assets } from '../../src/web/assets.ts'

const BYTES = Uint8Array.of(1, 2, 3)
const LISTED = {
  ...{ name: 'lite', kind: 'colouriser', file: 'lite.safetensors', shipped: true, bytes: 3 },
  ...{
    sha256: createHash('sha256').update(BYTES).digest('hex'),
    licence: 'MIT',
    what: 'three bytes',
    locations: [],
  },
}

let stored: Map<string, Response>
let fetched: string[]
let isOnline: boolean
beforeEach(() => {
  stored = new Map()
  fetched = []
  isOnline = true
  const cache = {
    match: async (key: string) => stored.get(key)?.clone(),
    put: async (key: string, response: Response) => void stored.set(key, response),
  }
  vi.stubGlobal('caches', { open: async () => cache })
  vi.stubGlobal('fetch', async (url: URL) => {
    if (!isOnline) throw new TypeError('no network')
    fetched.push(url.pathname)
    return new Response(url.pathname.endsWith('.json') ? JSON.stringify({ files: [LISTED] }) : BYTES)
  })
})
afterEach(() => void vi.unstubAllGlobals())

/** A visit of the page. @param counted gets the bytes that have come */
async function visit(counted: number[] = []) {
  const where = () => new URL('http://127.0.0.1/weights/')
  const assets = new Assets({ where, cache: 'weights', onBytes: (loaded) => void counted.push(loaded) })
  const { bytes } = await assets.load(await assets.find('colouriser', 'lite'))
  return bytes
}

it('are fetched once, and are there without a network', async () => {
  expect(await visit()).toEqual(BYTES)
  const counted: number[] = []
  isOnline = false
  expect(await visit(counted)).toEqual(BYTES)
  expect(fetched).toEqual(['/weights/manifest.json', '/weights/lite.safetensors'])
  expect(counted).toEqual([3])
})

it('are fetched anew when they are damaged', async () => {
  await visit()
  for (const key of stored.keys()) if (key.endsWith(LISTED.sha256)) stored.set(key, new Response('xyz'))
  expect(await visit()).toEqual(BYTES)
  expect(fetched.filter((path) => path.endsWith('lite.safetensors'))).toHaveLength(2)
  isOnline = false
  expect(await visit()).toEqual(BYTES)
})

it.each([
  ['there is no cache', () => vi.stubGlobal('caches', undefined)],
  [
    'it is forbidden',
    () => vi.stubGlobal('caches', { open: () => Promise.reject(new DOMException('private')) }),
  ],
  [
    'it is full',
    () =>
      vi.stubGlobal('caches', {
        open: async () => ({
          match: async () => undefined,
          put: () => Promise.reject(new DOMException('full')),
        }),
      }),
  ],
])('are fetched each time where %s', async (_, forbid) => {
  forbid()
  expect(await visit()).toEqual(BYTES)
  expect(await visit()).toEqual(BYTES)
  expect(fetched).toHaveLength(4)
})
