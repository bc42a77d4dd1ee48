/** The way out of this machine, which leads nowhere: a proxy that remembers who was asked for, and refuses. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Hosts that browsers ask of their own accord, whatever page is open. */
const OF_BROWSERS = [
  ...['accounts.google.com', 'clients2.google.com', 'update.googleapis.com'],
  ...['optimizationguide-pa.googleapis.com', 'redirector.gvt1.com', 'firefox.settings.services.mozilla.com'],
]

export class Outside {
  readonly #asked: string[] = []
  readonly #server = createServer((request, response) => {
    this.#asked.push(new URL(request.url!).host)
    response.writeHead(502).end()
  })

  static async open(): Promise<Outside> {
    const outside = new Outside()
    outside.#server.on('connect', (request, socket) => {
      outside.#asked.push(request.url!)
      socket.on('error', () => {}) // a browser that closes resets its connections
      socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n')
    })
    await new Promise<void>((resolve) => outside.#server.listen(0, '127.0.0.1', resolve))
    return outside
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Hosts that pages asked for. */
  get asked(): readonly string[] {
    return this.#asked.filter((host) => !OF_BROWSERS.includes(host.split(':')[0]!))
  }

  close(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }
}
