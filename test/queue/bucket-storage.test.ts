import { createHash } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { loadAws } from '../../src/node/storage/aws.ts'
import { openStorage } from '../../src/node/storage/storage.ts'
import { Roots } from '../../src/queue/roots.ts'
import { BucketServer, KEYS } from './bucket-server.ts'
import { bytes, itStores, listed, pathsIn, text } from './storage.ts'

let server: BucketServer
beforeAll(async () => {
  server = await BucketServer.start('photos')
  use({})
})
afterAll(() => server.close())
afterEach(() => {
  server.tricks = () => undefined
  server.page = 1000
  use({})
})

/** Sets the variables that the client reads; nothing of the user's is read. */
function use(other: Readonly<Record<string, string>>): void {
  const usual = {
    ...{ AWS_ENDPOINT_URL: server.endpoint, AWS_REGION: 'eu-central-1', ...KEYS },
    ...{
      AWS_CONFIG_FILE: '/dev/null',
      AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
      AWS_EC2_METADATA_DISABLED: 'true',
    },
  }
  vi.unstubAllEnvs()
  for (const [name, value] of Object.entries({ ...usual, ...other })) vi.stubEnv(name, value || undefined)
}

let prefixes = 0
const fresh = () => openStorage(`s3://photos/test-${prefixes++}`)

describe('storage in a bucket', () => {
  itStores(fresh)

  it('is opened once for all jobs of a worker, and tried again where it did not open', async () => {
    const roots = new Roots(['s3://photos', 's3://none'])
    expect(await roots.open('s3://photos/scans')).toBe(await roots.open('s3://photos/scans'))
    await expect(roots.open('s3://none/scans')).rejects.toThrow()
    server.requests.length = 0
    await expect(roots.open('s3://none/scans')).rejects.toThrow()
    expect(server.requests).not.toEqual([])
  })

  it('keeps to its prefix, which may be none', async () => {
    const [one, other] = [await openStorage('s3://photos/of/1'), await openStorage('s3://photos/of/11/')]
    await one.write('a', [bytes('one')])
    await other.write('b', [bytes('other')])
    expect(await pathsIn(one)).toEqual(['a'])
    expect(other.address).toBe('s3://photos/of/11')
    const whole = await openStorage('s3://photos')
    expect(await pathsIn(whole)).toEqual(expect.arrayContaining(['of/1/a', 'of/11/b']))
    expect(text(await whole.read('of/1/a'))).toBe('one')
  })

  it('lists more files than fit on one page', async () => {
    const storage = await fresh()
    const paths = Array.from({ length: 25 }, (_, i) => `${10 + i} & ä.jpg`)
    for (const path of paths) await storage.write(path, [bytes(path)])
    server.page = 10
    server.requests.length = 0
    expect(await pathsIn(storage)).toEqual(paths)
    expect(server.requests).toHaveLength(3)
  })

  it('tells of keys that are no paths, and passes over those of folders', async () => {
    const storage = await fresh()
    await storage.write('b', [bytes('b')])
    const kept = [...server.files.values()].at(-1)!
    const prefix = storage.address.slice('s3://photos/'.length)
    for (const key of ['', 'a/', 'a//b', '../c']) server.files.set(`${prefix}/${key}`, kept)
    await expect(listed(storage)).rejects.toThrow(/the path "a\/\/b" is refused/)
    const told: string[] = []
    const paths: string[] = []
    for await (const { path } of storage.list(({ message }) => told.push(message))) paths.push(path)
    expect(paths).toEqual(['b'])
    expect(told).toEqual([expect.stringContaining('"a//b"')])
  })

  it('sends large files in parts', async () => {
    const storage = await fresh()
    const piece = new Uint8Array(3 * 1024 ** 2).map((_, i) => (i * 2654435761) >>> 24)
    const pieces = [piece, piece, piece, piece.subarray(0, 12345)]
    server.requests.length = 0
    await storage.write('large', pieces)
    expect(server.requests.filter((line) => line.includes('partNumber='))).toHaveLength(2)
    const hash = (content: Uint8Array) => createHash('sha256').update(content).digest('hex')
    expect(hash(await storage.read('large'))).toBe(hash(Buffer.concat(pieces)))
  })

  it('leaves nothing of a large file of which a part does not arrive', async () => {
    const storage = await fresh()
    use({ AWS_MAX_ATTEMPTS: '1' })
    const hasty = await openStorage(storage.address)
    server.tricks = (_, path) => (path.includes('partNumber=2') ? 'cut' : undefined)
    await expect(hasty.write('large', [new Uint8Array(9 * 1024 ** 2)])).rejects.toThrow(/^cannot write s3:/)
    expect(await listed(storage)).toEqual([])
    expect(server.unfinished).toBe(0)
  })

  it.each(['cut', [503, 'SlowDown']] as const)(
    'tries again when the server answers with a %j',
    async (trick) => {
      const storage = await fresh()
      let left = 2
      server.tricks = () => (left-- > 0 ? trick : undefined)
      await storage.write('a', [bytes('content')])
      left = 2
      expect(text(await storage.read('a'))).toBe('content')
      expect(left).toBeLessThan(0)
    },
  )

  it.each(['flip', 'flip without checksum', 'half'] as const)(
    'reads again when an answer comes with a %s',
    async (trick) => {
      const storage = await fresh()
      await storage.write('a', [bytes('some content')])
      let left = 2
      server.tricks = () => (left-- > 0 ? trick : undefined)
      expect(text(await storage.read('a'))).toBe('some content')
      expect(left).toBeLessThan(0)
    },
  )
})

describe('a bucket that cannot be used', () => {
  it.each([
    ['there is no such bucket', 's3://nothing/a', {}, /there is no bucket nothing at http:\/\/127/],
    ['the access key is unknown', 's3://photos', { AWS_ACCESS_KEY_ID: 'ME' }, /does not know the access key/],
    ['the secret key is wrong', 's3://photos', { AWS_SECRET_ACCESS_KEY: 'x' }, /the secret key is wrong/],
    [
      'there are no keys',
      's3://photos',
      { AWS_ACCESS_KEY_ID: '' },
      /there are no keys: set AWS_ACCESS_KEY_ID/,
    ],
    ['no region is set', 's3://photos', { AWS_REGION: '' }, /no region is set \(AWS_REGION\)/],
    ['the address names none', 's3://', {}, /s3:\/\/BUCKET or s3:\/\/BUCKET\/PREFIX is expected/],
    ['the prefix leaves it', 's3://photos/../x', {}, /is refused/],
  ] as const)('is told in words when %s', async (_, address, env, message) => {
    use(env)
    await expect(openStorage(address)).rejects.toThrow(message)
  })

  it.each([
    [403, 'AccessDenied', 'access is denied to these keys (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)'],
    [403, 'RequestTimeTooSkewed', 'the clock of this machine is wrong by many minutes'],
    [301, 'PermanentRedirect', 'the bucket is in another region (AWS_REGION)'],
  ] as const)('is told in words when the server answers %i %s', async (status, name, message) => {
    server.tricks = () => [status, name]
    await expect(openStorage('s3://photos')).rejects.toThrow(`cannot open s3://photos: ${message}`)
  })

  it('is told in words when the keys may not look at a file, where the answer has no body', async () => {
    const storage = await openStorage('s3://photos')
    server.tricks = () => [403]
    const message = 'cannot read s3://photos/a.png: access is denied to these keys'
    const refused = storage.stat('a.png')
    await expect(refused).rejects.toThrow(message)
    await expect(refused).rejects.toMatchObject({ cause: { name: 'Forbidden' } }) // the queue tries again
  })

  it('is told in words when nothing listens at the endpoint', async () => {
    const gone = await BucketServer.start('photos')
    const { endpoint } = gone
    await gone.close()
    use({ AWS_ENDPOINT_URL: endpoint, AWS_MAX_ATTEMPTS: '2' })
    const message = `cannot open s3://photos: nothing listens at the endpoint ${endpoint} (AWS_ENDPOINT_URL)`
    await expect(openStorage('s3://photos')).rejects.toThrow(message)
  })

  it('says what to install when the client is missing', async () => {
    const missing = loadAws(() => Promise.reject(new Error('Cannot find package')))
    await expect(missing).rejects.toThrow(/npm install @aws-sdk\/client-s3 @aws-sdk\/lib-storage$/)
  })
})
