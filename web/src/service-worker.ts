/**
 * Keeps the page's own files, so that it opens without a network after the first visit. Weights are not its matter: the
 * page keeps those itself, by their checksums.
 */

/** All files of the page, by their places below it, and what tells this build from others. Put in by the build. */
declare const FILES: readonly string[]
declare const BUILD: string

interface LongEvent extends Event {
  waitUntil(work: Promise<unknown>): void
}

interface FetchEvent extends LongEvent {
  readonly request: Request
  respondWith(answer: Promise<Response>): void
}

/** As much of a service worker's scope as is used here: TypeScript's library for it does not go with that for pages. */
interface Scope {
  readonly registration: ServiceWorkerRegistration
  readonly clients: { claim(): Promise<void> }
  addEventListener(type: 'install' | 'activate', listener: (event: LongEvent) => void): void
  addEventListener(type: 'fetch', listener: (event: FetchEvent) => void): void
}

const scope = self as unknown as Scope
/** As index.html has it for the page. */
const WORKER_POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'"
const PREFIX = 'page-'
const CACHE = PREFIX + BUILD

scope.addEventListener('install', (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(FILES)))
})

scope.addEventListener('activate', (event) => {
  event.waitUntil(removeOlder())
})

async function removeOlder(): Promise<void> {
  const names = await caches.keys()
  const older = names.filter((name) => name.startsWith(PREFIX) && name !== CACHE)
  await Promise.all(older.map((name) => caches.delete(name)))
  await scope.clients.claim()
}

scope.addEventListener('fetch', (event) => {
  const { request } = event
  if (request.method === 'GET') event.respondWith(answer(request))
})

/** What is kept, else what the network has. The folder's address means its index.html. */
async function answer(request: Request): Promise<Response> {
  const folder = scope.registration.scope
  const { origin, pathname } = new URL(request.url)
  const cache = await caches.open(CACHE)
  const address = origin + pathname === folder ? new URL('index.html', folder) : request
  const found = await cache.match(address, { ignoreSearch: true, ignoreVary: true })
  return request.destination === 'worker'
    ? withPolicy(found ?? (await fetch(request)))
    : (found ?? fetch(request))
}

/** Workers are not held to their page's policy, but to that of the answer that they come with. */
function withPolicy({ body, status, headers }: Response): Response {
  const more = new Headers(headers)
  more.set('Content-Security-Policy', WORKER_POLICY)
  return new Response(body, { status, headers: more })
}
