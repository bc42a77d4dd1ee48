/** A server behind TLS, whose certificate is signed by an authority of one's own. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { start } from '../program.ts'
import { freePort, SERVER, TestServer } from './redis-server.ts'
import { useFolder } from './use-queue.ts'

/** Debian's redis-server is built with TLS, others may not be; openssl makes the certificates. */
const HAS_TLS =
  SERVER !== null &&
  spawnSync('openssl', ['version']).status === 0 &&
  spawnSync('ldd', [spawnSync('which', [SERVER]).stdout.toString().trim()]).stdout?.includes('libssl')

describe.skipIf(!HAS_TLS)('a server behind TLS', () => {
  const folder = useFolder()
  const [ca, cert, key] = ['ca', 'server', 'server-key'].map((name) => join(folder, `${name}.pem`))
  let redis: TestServer
  let port: number

  beforeAll(async () => {
    const openssl = (...words: string[]) => {
      const { status, stderr } = spawnSync('openssl', words, { cwd: folder })
      if (status !== 0) throw new Error(stderr.toString())
    }
    const fresh = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1']
    openssl(...fresh, '-subj', '/CN=Test authority', '-keyout', 'ca-key.pem', '-out', ca!)
    const names = ['-subj', '/CN=queue', '-addext', 'subjectAltName=IP:127.0.0.1']
    openssl(...fresh, ...names, '-CA', ca!, '-CAkey', 'ca-key.pem', '-keyout', key!, '-out', cert!)
    port = await freePort()
    const files = ['--tls-cert-file', cert!, '--tls-key-file', key!, '--tls-ca-cert-file', ca!]
    redis = await TestServer.start(['--tls-port', String(port), '--tls-auth-clients', 'no', ...files])
  })
  afterAll(() => redis?.remove())

  const status = (env: object) =>
    start(['queue', 'status', '--json', '--redis', `rediss://127.0.0.1:${port}`], {
      env: { ...process.env, ...env },
    }).ended

  it('is used where the authority is known, and refused where it is not', async () => {
    const known = await status({ NODE_EXTRA_CA_CERTS: ca })
    expect([known.code, known.stderr]).toEqual([0, ''])
    expect(JSON.parse(known.stdout.toString())).toMatchObject({ pictures: 0 })
    const unknown = await status({})
    expect([unknown.code, unknown.stderr]).toEqual([
      1,
      expect.stringMatching(/^colorizer: no queue at rediss:\/\/127\.0\.0\.1:\d+: .*certificate/),
    ])
  })
})
