/** How S3 signs requests (AWS Signature Version 4), from its documentation. */
import { createHash, createHmac } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest()

/** The access key that a request names, and whether it is signed with `secret`. */
export function readSignature(request: IncomingMessage, secret: string): { key: string; isRight: boolean } {
  const given = /Credential=([^/]+)\/([^,]+), *SignedHeaders=([^,]+), *Signature=(\w+)$/
  const [, key = '', scope = '', names = '', signature] =
    given.exec(request.headers.authorization ?? '') ?? []
  const [path = '', query = ''] = request.url!.split('?')
  const canonical = [
    ...[request.method, path, query.split('&').sort().join('&')],
    ...names.split(';').map((name) => `${name}:${String(request.headers[name]).trim()}`),
    ...['', names, request.headers['x-amz-content-sha256']],
  ].join('\n')
  const signed = ['AWS4-HMAC-SHA256', request.headers['x-amz-date'], scope, sha256(canonical)].join('\n')
  const signingKey = scope.split('/').reduce<string | Buffer>(hmac, `AWS4${secret}`)
  return { key, isRight: hmac(signingKey, signed).toString('hex') === signature }
}
