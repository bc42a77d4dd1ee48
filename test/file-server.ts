/** A web server on this machine that serves one file and misbehaves as its paths are called. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface FileServer {
  readonly url: string
  /** "GET /path 100-": every request and the first byte that it asked for. */
  readonly requests: string[]
  close(): Promise<void>
}

type Behaviour = (request: IncomingMessage, response: ServerResponse, file: Buffer, from: number) => void

/** So much is sent before a connection is cut or stalls. */
export const CUT_BYTES = 150_000
/** What the client has not taken yet when the connection is cut is lost. */
const CUT_MS = 100

const BEHAVIOURS: Readonly<Record<string, Behaviour>> = {
  '/file': (_request, response, file, from) => {
    begin(response, file, from)
    response.end(file.subarray(from))
  },
  '/cut': (request, response, file, from) => {
    begin(response, file, from)
    response.write(file.subarray(from, from + CUT_BYTES), () =>
      setTimeout(() => request.socket.destroy(), CUT_MS),
    )
  },
  '/stall': (_request, response, file, from) => {
    begin(response, file, from)
    response.write(file.subarray(from, from + CUT_BYTES))
  },
  '/slow': (_request, response, file, from) => {
    begin(response, file, from)
    const pieces = Array.from({ length: 8 }, (_, i) =>
      file.subarray(from + i * 50_000, from + (i + 1) * 50_000),
    )
    const next = () => {
      const piece = pieces.shift()
      if (piece) response.write(piece, () => setTimeout(next, 200))
      else response.end()
    }
    next()
  },
  '/silent': () => {},
  '/no-ranges': (_request, response, file) => {
    begin(response, file, 0)
    response.end(file)
  },
  '/no-ranges-cut': (request, response, file) => {
    begin(response, file, 0)
    response.write(file.subarray(0, CUT_BYTES), () => setTimeout(() => request.socket.destroy(), CUT_MS))
  },
  '/chunked': (_request, response, file) => void response.end(file), // without a length
  '/chunked-short': (_request, response, file) => {
    response.write(file.subarray(0, CUT_BYTES), () => setTimeout(() => response.end(), CUT_MS))
  },
  '/chunked-endless': (_request, response, file) => {
    const more = () => {
      while (!response.destroyed && response.write(file));
      if (!response.destroyed) response.once('drain', more)
    }
    more()
  },
  '/other-range': (_request, response, file) => {
    response.writeHead(206, { 'content-range': `bytes 5-${file.length - 1}/${file.length}` })
    response.end(file.subarray(5))
  },
  '/wrong': (_request, response, file, from) => {
    begin(response, file, from)
    response.end(Buffer.alloc(file.length - from, 7))
  },
  '/page': (_request, response) => void response.end('<html>please sign in</html>'),
  '/missing': (_request, response) => void response.writeHead(404).end('nothing here'),
  '/busy': (_request, response) => void response.writeHead(503).end(),
  '/moved': (_request, response) => void response.writeHead(302, { location: '/moved-again' }).end(),
  '/moved-again': (_request, response) => void response.writeHead(307, { location: '/file' }).end(),
  '/circle': (_request, response) => void response.writeHead(302, { location: '/circle' }).end(),
}

export async function serve(file: Buffer): Promise<FileServer> {
  const requests: string[] = []
  const server = createServer((request, response) => {
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
    requests.push(`${request.method} ${request.url} ${from}-`)
    response.on('error', () => {})
    const name = request.url!.split('.')[0]! // /cut.onnx behaves as /cut
    ;(BEHAVIOURS[name] ?? BEHAVIOURS['/missing']!)(request, response, file, from)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  return { url: `http://127.0.0.1:${port}`, requests, close }
}

function begin(response: ServerResponse, file: Buffer, from: number): void {
  const rest = { 'content-length': file.length - from }
  if (from === 0) response.writeHead(200, rest)
  else
    response.writeHead(206, { ...rest, 'content-range': `bytes ${from}-${file.length - 1}/${file.length}` })
  response.flushHeaders()
}
