import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import { Digests } from '../src/node/data/digests.ts'

it('digests are found whose beginnings are the same, and others are not', () => {
  const sha256 = (n: number) => createHash('sha256').update(`${n}`).digest('hex')
  const digests = Array.from(
    { length: 300 },
    (_, n) => `${n % 3 ? 'ffffffff' : 'fefffff0'}${sha256(n).slice(8)}`,
  )
  const set = new Digests(digests.length)
  const even = digests.flatMap((digest, n) => (n % 2 ? [] : [digest]))
  for (const digest of even) set.add(digest, digests.indexOf(digest))
  expect(digests.map((digest) => set.indexOf(digest))).toEqual(digests.map((_, n) => (n % 2 ? undefined : n)))
})
