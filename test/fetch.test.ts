import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { UserError } from '../src/errors.ts'
import { type Download, download, sha256File } from '../src/node/store/fetch.ts'
import { CUT_BYTES, type FileServer, serve } from './file-server.ts'

const BYTES = 350_000
const file = Buffer.from(Array.from({ length: BYTES }, (_, i) => (i * i * 31 + (i >> 7)) & 255))
const sha256 = createHash('sha256').update(file).digest('hex')

/** For servers that fall silent. */
const BRIEFLY = { stallMs: 700 }

const folder = mkdtempSync(join(tmpdir(), 'colorizer-fetch-'))
const part = join(folder, 'file.part')
let server: FileServer
beforeAll(async () => {
  server = await serve(file)
})
beforeEach(() => {
  rmSync(part, { force: true })
  server.requests.length = 0
})
afterAll(async () => {
  await server.close()
  rmSync(folder, { recursive: true, force: true })
})

function fetchFrom(paths: readonly string[], more: Partial<Download> = {}): Promise<string> {
  const urls = paths.map((path) => (path.startsWith('http') ? path : `${server.url}${path}`))
  const signal = new AbortController().signal
  const fixed = { name: 'thing', urls, part, bytes: BYTES, sha256: [sha256], advice: 'do without' }
  return download({ ...fixed, signal, stallMs: 10_000, ...more })
}

/** That it fails with a sentence for people, and what is kept of the part file. */
async function fails(
  paths: readonly string[],
  sentence: RegExp,
  keptBytes: number | null,
  more?: Partial<Download>,
): Promise<void> {
  const error = await fetchFrom(paths, more).catch((reason) => reason)
  expect(error).toBeInstanceOf(UserError)
  expect(error.message).toMatch(sentence)
  expect(error.message).not.toMatch(/\n/)
  expect(error.trouble).toBe('weights')
  expect(existsSync(part) ? readFileSync(part).length : null).toBe(keptBytes)
  if (keptBytes) expect(readFileSync(part).equals(file.subarray(0, keptBytes))).toBe(true)
}

const succeeds = async (paths: readonly string[], more?: Partial<Download>) => {
  expect(await fetchFrom(paths, more)).toBe(sha256)
  expect(readFileSync(part).equals(file)).toBe(true)
}

describe('download', () => {
  it('takes a file whole and tells how far it is', async () => {
    const seen: number[] = []
    await succeeds(['/file'], { onProgress: (done) => seen.push(done) })
    expect(seen.at(-1)).toBe(BYTES)
    expect(seen).toEqual([...seen].sort((a, b) => a - b))
    expect(server.requests).toEqual(['GET /file 0-'])
    expect(await sha256File(part)).toBe(sha256)
  })

  it('follows redirects', () => succeeds(['/moved']))

  it('takes an answer without a length', () => succeeds(['/chunked']))

  it('continues a part file, with the same bytes', async () => {
    writeFileSync(part, file.subarray(0, 123_456))
    await succeeds(['/file'])
    expect(server.requests).toEqual(['GET /file 123456-'])
  })

  it('asks for nothing when the part file is complete', async () => {
    writeFileSync(part, file)
    await succeeds(['/file'])
    expect(server.requests).toEqual([])
  })

  it('fetches anew what an earlier call kept whole, but damaged', async () => {
    writeFileSync(part, Buffer.alloc(BYTES))
    await succeeds(['/file'])
    expect(server.requests).toEqual(['GET /file 0-'])
  })

  it('begins anew when the server knows no ranges', async () => {
    writeFileSync(part, file.subarray(0, 123_456))
    await succeeds(['/no-ranges'])
    expect(server.requests).toEqual(['GET /no-ranges 123456-'])
  })

  it('continues a cut connection at once, as long as some bytes arrive', async () => {
    await succeeds(['/cut'])
    const offsets = server.requests.map((request) => Number(/(\d+)-$/.exec(request)![1]))
    expect(offsets[0]).toBe(0)
    expect(offsets.length).toBeGreaterThanOrEqual(Math.ceil(BYTES / CUT_BYTES))
    expect(offsets).toEqual([...new Set(offsets)].sort((a, b) => a - b))
  })

  it('continues at another location', async () => {
    await succeeds(['/missing', '/stall', '/file'], BRIEFLY)
    expect(server.requests).toEqual(['GET /missing 0-', 'GET /stall 0-', `GET /file ${CUT_BYTES}-`])
  })

  it('gives up after a few rounds, however little arrives', async () => {
    const sentence =
      /^cannot fetch thing: 127\.0\.0\.1:\d+ cut the connection; 150000 of 350000 bytes are kept: try again to continue or do without$/
    await fails(['/no-ranges-cut'], sentence, CUT_BYTES)
    expect(server.requests).toHaveLength(5)
  })

  it('waits for a server that sends nothing only so long', async () => {
    await fails(
      ['/silent'],
      /127\.0\.0\.1:\d+ sends nothing any more: try again or do without/,
      null,
      BRIEFLY,
    )
    // every round brings some bytes more, until the file is complete
    await succeeds(['/stall'], BRIEFLY)
  })

  it('has patience with a server that is slow all the time', async () => {
    await succeeds(['/slow'], { stallMs: 1000 })
    expect(server.requests).toEqual(['GET /slow 0-'])
  })

  it('keeps what came before the end of an answer without a length', () =>
    fails(
      ['/chunked-short'],
      /stopped after 150000 of 350000 bytes; 150000 of 350000 bytes are kept/,
      CUT_BYTES,
    ))

  it.each<[string, RegExp]>([
    ['/wrong', /what it sends has the checksum [0-9a-f]{12}…, a wrong one: do without$/],
    ['/page', /has 27 bytes there instead of 350000 bytes: do without$/],
    ['/missing', /answers 404 Not Found: do without$/],
    ['/circle', /redirects in a circle: do without$/],
    ['/busy', /answers 503 Service Unavailable: try again or do without$/],
  ])('%s is told in one sentence and leaves nothing', (path, sentence) => fails([path], sentence, null))

  it('takes no more than the file has', () => fails(['/chunked-endless'], /sends more than 350000 bytes/, 0))

  it('removes a part file that turns out wrong, and begins anew', async () => {
    writeFileSync(part, Buffer.alloc(123_456, 1))
    await succeeds(['/file'])
    expect(server.requests).toEqual(['GET /file 123456-', 'GET /file 0-'])
  })

  it('refuses another range than it asked for', async () => {
    writeFileSync(part, file.subarray(0, 1000))
    await fails(['/other-range'], /sends another range than it was asked for/, 1000)
  })

  it('tells every location that failed, the same answer once', async () => {
    const sentence =
      /^cannot fetch thing: 127\.0\.0\.1:\d+ answers 404 Not Found; 127\.0\.0\.1:\d+ redirects in a circle: do/
    await fails(['/missing', '/circle', '/gone'], sentence, null)
  })

  it('says so when nothing can be reached', async () => {
    const gone = await serve(file)
    await gone.close()
    const sentence =
      /^cannot fetch thing: 127\.0\.0\.1:\d+ cannot be reached; this machine seems to be offline: try again/
    await fails([`${gone.url}/file`], sentence, null)
    await fails(
      ['http://no-such-host.invalid/file'],
      /no-such-host\.invalid cannot be reached; this machine/,
      null,
    )
  })

  it('stops when it is interrupted and keeps what it has', async () => {
    const controller = new AbortController()
    const interrupt = () => controller.abort()
    const error = await fetchFrom(['/stall'], {
      signal: controller.signal,
      onProgress: (done) => done === CUT_BYTES && interrupt(),
    }).catch((reason) => reason)
    expect(error).toMatchObject({
      trouble: 'interrupted',
      message: 'thing: interrupted; run it again to continue',
    })
    expect(readFileSync(part).equals(file.subarray(0, CUT_BYTES))).toBe(true)
  })

  it('says so when the part file cannot be written', async () => {
    const error = await fetchFrom(['/file'], { part: join(folder, 'none', 'file') }).catch((reason) => reason)
    expect(error).toBeInstanceOf(UserError)
    expect(error.message).toMatch(/^cannot write .*file: no such file or folder$/)
  })
})
