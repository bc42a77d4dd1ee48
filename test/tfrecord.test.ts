import { describe, expect, it } from 'vitest'
import { lightness, srgbToLab } from '../src/color/lab.ts'
import type { Photo } from '../src/color/photo.ts'
import { resize } from '../src/color/resample.ts'
import { decodeExample, type Example, encodeExample, type Feature } from '../src/io/example.ts'
import { readAtOf } from '../src/io/read-at.ts'
import { decodeRecord, encodeRecord, type PhotoRecord, photoOf, pictureOf } from '../src/io/records.ts'
import {
  crc32c,
  frameOf,
  indexRecords,
  type RecordPlace,
  readRecordAt,
  readRecords,
} from '../src/io/tfrecord.ts'
import { STREAM, uniform4 } from '../src/random.ts'
import { maskedByHand } from './events.ts'

// ---- the format by hand, from its specification and with nothing from src/ ----

function recordByHand(data: Uint8Array): Buffer {
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(data.length))
  const [lengthCrc, dataCrc] = [Buffer.alloc(4), Buffer.alloc(4)]
  lengthCrc.writeUInt32LE(maskedByHand(length))
  dataCrc.writeUInt32LE(maskedByHand(data))
  return Buffer.concat([length, lengthCrc, data, dataCrc])
}

/** Example { "a": int64 [5] }, every byte spelled out. */
const LITERAL = Buffer.from('0a0c' + '0a0a' + '0a0161' + '1205' + '1a03' + '0a0105', 'hex')

/** A length-delimited protobuf field of fewer than 128 bytes. */
function part(field: number, ...content: (Uint8Array | string)[]): Buffer {
  const body = Buffer.concat(content.map((piece) => Buffer.from(piece as string)))
  return Buffer.concat([Buffer.of((field << 3) | 2, body.length), body])
}
const entry = (name: string, ...feature: Uint8Array[]) => part(1, part(1, name), part(2, ...feature))
const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')

const [ONE_AND_A_HALF, MINUS_TWO] = ['0000c03f', '000000c0']
const [THREE_HUNDRED, MINUS_ONE] = ['ac02', 'ffffffffffffffffff01']
const PACKED = part(
  1,
  entry('a', part(1, part(1, 'xy'), part(1, ''))),
  entry('f', part(2, part(1, hex(ONE_AND_A_HALF + MINUS_TWO)))),
  entry('i', part(3, part(1, hex(THREE_HUNDRED + MINUS_ONE)))),
)
const UNPACKED = Buffer.concat([
  part(
    1,
    entry('i', part(3, hex(`08 ${THREE_HUNDRED}`), hex(`08 ${MINUS_ONE}`))),
    entry('f', part(2, hex(`0d ${ONE_AND_A_HALF}`), hex(`0d ${MINUS_TWO}`))),
  ),
  hex('79 0102030405060708'), // an unknown field 15 of eight bytes
  part(1, part(9, 'unknown'), entry('a', part(1, part(1, 'xy'), part(1, '')))),
])
const EXAMPLE: Example = new Map([
  ['a', { kind: 'bytes', values: [hex('7879'), hex('')].map((b) => new Uint8Array(b)) }],
  ['f', { kind: 'float', values: Float32Array.of(1.5, -2) }],
  ['i', { kind: 'int64', values: [300n, -1n] }],
])

async function all(bytes: Uint8Array): Promise<string[]> {
  const records = []
  for await (const data of readRecords(readAtOf(bytes, 'some.tfrecord')))
    records.push(Buffer.from(data).toString())
  return records
}

describe('crc32c', () => {
  // RFC 3720, appendix B.4, and the check value that catalogues of CRCs give for CRC-32C
  it.each([
    ['123456789', Buffer.from('123456789'), 0xe3069283],
    ['32 zeros', Buffer.alloc(32), 0x8a9136aa],
    ['32 ones', Buffer.alloc(32, 0xff), 0x62a8ab43],
    ['counting up', Buffer.from([...Array(32).keys()]), 0x46dd794e],
    ['counting down', Buffer.from([...Array(32).keys()].reverse()), 0x113fdb5c],
    ['nothing', Buffer.alloc(0), 0],
  ])('%s', (_, data, want) => {
    expect(crc32c(data)).toBe(want)
  })
})

describe('TFRecord framing', () => {
  it('a length of 24 is what every TensorBoard event file begins with', () => {
    expect(Buffer.from(frameOf(new Uint8Array(24)).header).toString('hex')).toBe('1800000000000000a37f4b22')
  })

  it('is what was assembled by hand', () => {
    for (const text of ['one', '', 'three']) {
      const data = Buffer.from(text)
      const { header, footer } = frameOf(data)
      expect(Buffer.concat([header, data, footer])).toEqual(recordByHand(data))
    }
  })

  it('reads records assembled by hand, empty ones and an empty file, too', async () => {
    const file = Buffer.concat(['one', '', 'three'].map((text) => recordByHand(Buffer.from(text))))
    expect(await all(file)).toEqual(['one', '', 'three'])
    const source = readAtOf(file, 'some.tfrecord')
    const places: RecordPlace[] = []
    for await (const place of indexRecords(source)) places.push(place)
    expect(places).toEqual([
      { offset: 12, lengthBytes: 3 },
      { offset: 31, lengthBytes: 0 },
      { offset: 47, lengthBytes: 5 },
    ])
    expect(Buffer.from(await readRecordAt(source, places[2]!)).toString()).toBe('three')
    expect(await all(new Uint8Array())).toEqual([])
  })

  it('a huge length with a matching CRC is refused by the file’s size, without memory for it', async () => {
    const header = Buffer.alloc(12)
    header.writeBigUInt64LE(2n ** 63n)
    header.writeUInt32LE(maskedByHand(header.subarray(0, 8)), 8)
    const file = Buffer.concat([header, Buffer.alloc(100)])
    await expect(all(file)).rejects.toMatchObject({
      trouble: 'weights',
      message: expect.stringMatching(/^cannot read some\.tfrecord: it is truncated: it ends inside record 0/),
    })
  })
})

describe('tf.train.Example', () => {
  it('reads and writes every byte as spelled out', () => {
    const example: Example = new Map([['a', { kind: 'int64', values: [5n] }]])
    expect(decodeExample(LITERAL)).toEqual(example)
    expect(Buffer.from(encodeExample(example))).toEqual(LITERAL)
    expect(Buffer.from(encodeExample(EXAMPLE))).toEqual(PACKED)
  })

  it('reads packed numbers, unpacked ones, and passes over unknown fields', () => {
    for (const file of [PACKED, UNPACKED]) {
      const example = decodeExample(new Uint8Array(file))
      expect(new Map([...example].sort())).toEqual(EXAMPLE)
    }
    expect(decodeExample(new Uint8Array())).toEqual(new Map())
  })

  it('writes lengths of more than one byte', () => {
    const large: Example = new Map([['x', { kind: 'bytes', values: [new Uint8Array(300_000).fill(7)] }]])
    expect(decodeExample(encodeExample(large))).toEqual(large)
  })

  it('whatever is cut off is an error, or at least no longer the same', () => {
    for (let end = 1; end < PACKED.length; end++)
      expect(() => decodeExample(PACKED.subarray(0, end))).toThrow()
    const broken = [
      hex('0a ffffffffffffffffffff01'), // a number of eleven bytes
      hex('0b'), // wire type 3
      hex('02 00'), // field 0
      part(1, entry('f', part(2, part(1, hex('000000'))))), // three bytes of a float
      part(1, entry('f', hex('10 05'))), // an integer for a list
    ]
    for (const file of broken) expect(() => decodeExample(new Uint8Array(file))).toThrow()
  })
})

describe('the record of a photograph', () => {
  const photo: Photo = { width: 40, height: 25, rgb: new Uint8Array(3000) }
  for (let i = 0; i < 3000; i++)
    photo.rgb[i] = 40 + 180 * uniform4(1, STREAM.augment, Math.floor(i / 30))[i % 3]!
  const vector = Float32Array.from({ length: 1000 }, (_, i) => i / 499_500)
  const origin = { classifier: 'mine.onnx', sha256: 'c0ffee', fit: 'crop' } as const
  const other = { ...origin, classifier: 'other.onnx', sha256: 'decaf' } as const
  const record = async () => ({
    ...(await pictureOf(photo, resize, 40)),
    label: 'Grüße.jpg',
    vectors: [origin, other].map((origin) => ({ probabilities: vector, origin })),
  })

  it('has the true lightness as grey and the content inside white padding', async () => {
    const { gray, ab, content, size } = await record()
    expect({ size, content }).toEqual({ size: 40, content: { x: 0, y: 7, width: 40, height: 25 } })
    const L = lightness(photo.rgb)
    const grayL = lightness(Uint8Array.from({ length: 3000 }, (_, i) => gray[7 * 40 + Math.floor(i / 3)]!))
    L.forEach((l, i) => {
      expect(Math.abs(grayL[i]! - l)).toBeLessThan(0.25) // half a level at the mid greys and brighter
    })
    expect(ab.subarray(2 * 7 * 40, 2 * 32 * 40)).toEqual(srgbToLab(photo.rgb).ab)
    expect([...gray.subarray(0, 280), ...gray.subarray(1280)].every((level) => level === 255)).toBe(true)
  })

  it.each(['int8', 'float32'] as const)(
    'survives being written and read, colours as %s',
    async (encoding) => {
      const original = await record()
      const back = decodeRecord(encodeRecord(original, encoding), 'here')
      const ab = encoding === 'float32' ? original.ab : original.ab.map(Math.round)
      expect(back).toEqual({ ...original, ab: ab.map((v) => v + 0), taps: null }) // + 0: int8 has no negative zero
      const shown = photoOf(back)
      expect([shown.width, shown.height]).toEqual([40, 25])
      const squares = shown.rgb.reduce((sum, level, i) => sum + (level - photo.rgb[i]!) ** 2, 0)
      expect(Math.sqrt(squares / 3000)).toBeLessThan(encoding === 'int8' ? 1 : 0.6) // in levels of 255
    },
  )

  it('names and types of the features are those documented', async () => {
    const example = decodeExample(encodeRecord(await record(), 'int8'))
    expect([...example].map(([name, { kind }]) => `${name} ${kind}`)).toEqual([
      'image_gray bytes',
      'image_a_b bytes',
      'image_a_b_encoding bytes',
      'embedding float',
      'classifier bytes',
      'classifier_sha256 bytes',
      'classifier_fit bytes',
      'label bytes',
      'content_x int64',
      'content_y int64',
      'content_width int64',
      'content_height int64',
    ])
    expect(example.get('embedding')).toEqual({ kind: 'float', values: Float32Array.of(...vector, ...vector) })
    expect(example.get('label')).toEqual({ kind: 'bytes', values: [new TextEncoder().encode('Grüße.jpg')] })
    const none = { ...(await record()), vectors: [] }
    const float = decodeExample(encodeRecord(none, 'float32'))
    expect([...float.keys()].filter((name) => name.startsWith('classifier'))).toEqual([])
    expect(float.get('image_a_b')!.kind).toBe('float')
    expect(float.get('embedding')!.values).toEqual(new Float32Array(1000))
  })

  it('a record with something missing or misshapen says what', async () => {
    const change = async (edit: (example: Example) => void): Promise<() => PhotoRecord> => {
      const example = decodeExample(encodeRecord(await record(), 'int8'))
      edit(example)
      return () => decodeRecord(encodeExample(example), 'shard 3, byte 0')
    }
    const text = (value: string): Feature => ({ kind: 'bytes', values: [Buffer.from(value)] })
    const cases: [(example: Example) => void, RegExp][] = [
      [(e) => e.delete('image_gray'), /shard 3, byte 0: the record has no feature image_gray/],
      [(e) => e.delete('image_a_b'), /no feature image_a_b/],
      [(e) => e.set('image_gray', text('12345')), /image_gray has 5 bytes, which are no square/],
      [(e) => e.set('image_gray', text('1234')), /image_a_b has 3200 values, not the 8 of 2x2/],
      [(e) => e.set('image_a_b_encoding', text('int4')), /no feature image_a_b as int8/],
      [(e) => e.set('content_x', { kind: 'int64', values: [1n] }), /not a rectangle inside/],
      [(e) => e.set('content_width', { kind: 'int64', values: [0n] }), /not a rectangle inside/],
      [(e) => e.delete('content_y'), /not a rectangle inside/],
      [
        (e) => e.set('embedding', { kind: 'float', values: vector.subarray(1) }),
        /the values of embedding do not share out among its classifiers/,
      ],
    ]
    for (const [edit, message] of cases) {
      const decode = await change(edit)
      expect(decode).toThrow(message)
      expect(decode).toThrow(expect.objectContaining({ trouble: 'weights' }))
    }
    expect(() => decodeRecord(Buffer.from('nonsense'), 'x')).toThrow(/not a tf.train.Example/)
  })

  it('records of others, without content and embedding features, are taken as they are', async () => {
    const example = decodeExample(encodeRecord(await record(), 'int8'))
    for (const name of [...example.keys()].slice(2)) example.delete(name)
    const { content, vectors, label } = decodeRecord(encodeExample(example), 'here')
    expect({ content, vectors, label }).toEqual({
      content: { x: 0, y: 0, width: 40, height: 40 },
      vectors: [],
      label: '',
    })
  })
})
