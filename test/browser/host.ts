/** A static web server on loopback that remembers what it was asked for. */
import { readFile, stat } from 'node:fs/promises'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'

const TYPES: Readonly<Record<string, string>> = {
  '': 'text/plain; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.webmanifest': 'application/manifest+json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.mjs': 'text/javascript; charset=utf-8',
  '.wasm': 'application/wasm',
}

/** Where paths below an address come from: a folder, or what is given. */
export type Content = Readonly<
  Record<string, { readonly folder: string } | { readonly body: string | Uint8Array }>
>

/** Serves `content`, the longest address that fits first. */
export class Host {
  /** Addresses, after their methods where those are not GET. */
  readonly requests: string[] = []
  #port = 0

  private constructor(
    private server: Server,
    private readonly content: Content,
  ) {}

  static async start(content: Content): Promise<Host> {
    const host = new Host(createServer(), content)
    await host.listen()
    return host
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  /** Comes back at the same address. */
  async listen(): Promise<void> {
    this.server = createServer((request, response) => {
      this.requests.push(request.method === 'GET' ? request.url! : `${request.method} ${request.url}`)
      this.#answer(new URL(request.url!, this.url).pathname, response).catch((error: Error) => {
        response.writeHead(500).end(error.message)
      })
    })
    await new Promise<void>((resolve) => this.server.listen(this.#port, '127.0.0.1', resolve))
    this.#port = (this.server.address() as AddressInfo).port
  }

  /** Nobody answers any more: the network is gone. */
  async stop(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.server.close(() => resolve())
      this.server.closeAllConnections()
    })
  }

  async #answer(path: string, response: ServerResponse): Promise<void> {
    const found = Object.keys(this.content)
      .filter((address) => path.startsWith(address))
      .sort((a, b) => b.length - a.length)[0]
    if (found === undefined) return void response.writeHead(404).end()
    const content = this.content[found]!
    if ('body' in content) {
      const type = TYPES[extname(found) || '.html'] ?? TYPES['.html']!
      return void response.writeHead(200, { 'content-type': type }).end(content.body)
    }
    const rest = normalize(decodeURIComponent(path.slice(found.length)) || 'index.html')
    const file = join(content.folder, rest.endsWith('/') ? `${rest}index.html` : rest)
    const isFile = !rest.startsWith('..') && (await stat(file).catch(() => null))?.isFile()
    if (!isFile) return void response.writeHead(404).end()
    const type = TYPES[extname(file)] ?? 'application/octet-stream'
    response.writeHead(200, { 'content-type': type }).end(await readFile(file))
  }
}
