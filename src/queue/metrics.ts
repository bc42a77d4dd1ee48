/** The state of a queue for Prometheus, in its text format. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { UserError } from '../errors.ts'
import { reason } from '../node/trouble.ts'
import type { Status } from './status.ts'

const TYPE = 'text/plain; version=0.0.4; charset=utf-8'

const METRICS: readonly { name: string; help: string; of: (status: Status) => number }[] = [
  {
    name: 'waiting',
    help: 'Pictures that wait; of a record set, parts, here as below.',
    of: ({ waiting }) => waiting,
  },
  { name: 'active', help: 'Pictures in work.', of: ({ active }) => active },
  { name: 'completed', help: 'Pictures that are there or left out.', of: ({ completed }) => completed },
  { name: 'failed', help: 'Pictures that were set aside.', of: ({ failed }) => failed },
  { name: 'workers', help: 'Workers at work.', of: ({ workers }) => workers.length },
]

/** All figures as Prometheus reads them. */
export function metricsText(status: Status): string {
  const lines = METRICS.flatMap(({ name, help, of }) => [
    ...head(`colorizer_queue_${name}`, help),
    `colorizer_queue_${name} ${of(status)}`,
  ])
  const rate = 'colorizer_queue_pictures_per_second'
  const rates = status.workers.map(
    ({ name, adapter, picturesPerSecond }) =>
      `${rate}{worker="${escaped(name)}",adapter="${escaped(adapter)}"} ${picturesPerSecond}`,
  )
  return [...lines, ...head(rate, 'Pictures that a worker makes in a second.'), ...rates, ''].join('\n')
}

const head = (name: string, help: string) => [`# HELP ${name} ${help}`, `# TYPE ${name} gauge`]

const escaped = (text: string) => text.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n')

/** An address such as 9464 or 0.0.0.0:9464; without a host, only this machine reaches it. */
export function parseListen(text: string): { host: string; port: number } {
  const [, host = '127.0.0.1', port] = /^(?:(.+):)?(\d{1,5})$/.exec(text) ?? []
  if (port !== undefined && Number(port) < 65_536)
    return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) }
  throw new UserError(`--metrics ${text}: expected PORT or HOST:PORT`, 'usage')
}

/**
 * Serves them at /metrics. Throws a `UserError` when the port is taken.
 * @returns the server and where it is
 */
export async function serveMetrics(
  listen: { readonly host: string; readonly port: number },
  status: () => Promise<Status>,
): Promise<{ server: Server; url: string }> {
  const server = createServer(async (request, response) => {
    if (request.url !== '/metrics') return void response.writeHead(404).end()
    const text = await status().then(metricsText, () => null)
    if (text === null) response.writeHead(503).end()
    else response.writeHead(200, { 'content-type': TYPE }).end(text)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(listen.port, listen.host, resolve)
  }).catch((error) => {
    throw new UserError(`cannot listen on ${listen.host}:${listen.port}: ${reason(error)}`)
  })
  const { address, port } = server.address() as AddressInfo
  return { server, url: `http://${address.includes(':') ? `[${address}]` : address}:${port}/metrics` }
}
