/** Files in the browser's cache, by their checksums. Where pages may keep nothing, as in private windows, nothing is kept. */

/** The cache of a name; null where the browser has none or gives none. */
async function open(name: string): Promise<Cache | null> {
  try {
    return await globalThis.caches.open(name)
  } catch {
    return null
  }
}

/** What files are kept by: no address that is ever fetched. */
const keyOf = (sha256: string) => `https://kept.invalid/${sha256}`

/** The bytes that are kept under a checksum, which the caller holds against it again. */
export async function kept(cache: string, sha256: string): Promise<Uint8Array<ArrayBuffer> | null> {
  const found = await (await open(cache))?.match(keyOf(sha256)).catch(() => undefined)
  return found ? new Uint8Array(await found.arrayBuffer()) : null
}

/** Keeps bytes, if there is room. */
export async function keep(cache: string, sha256: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  await (await open(cache))?.put(keyOf(sha256), new Response(bytes)).catch(() => {})
}
