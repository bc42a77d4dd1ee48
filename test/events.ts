/** A reader of TensorBoard's event files, from the formats' specifications and with nothing from src/. */
import { readFileSync } from 'node:fs'

/** CRC-32C bit by bit (RFC 3720: polynomial 0x1edc6f41, reflected), masked as TFRecord stores it. */
export function maskedByHand(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes)
    for (let bit = 0; bit < 8; bit++) {
      const feedback = (crc ^ (byte >> bit)) & 1
      crc = (crc >>> 1) ^ (feedback ? 0x82f63b78 : 0)
    }
  crc = ~crc >>> 0
  return Number((BigInt(crc >>> 15) + (BigInt(crc) << 17n) + 0xa282ead8n) & 0xffffffffn)
}

/** Fields of a message by their numbers: a number, the bytes of a float or a double, or a message. */
type Message = Map<number, (number | Buffer)[]>

function parse(bytes: Buffer): Message {
  const message: Message = new Map()
  let at = 0
  const varint = () => {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[at++]!
      value += (byte % 128) * factor
      if (byte < 128) return value
    }
  }
  const take = (length: number) => {
    if (at + length > bytes.length) throw new Error('a field is longer than its message')
    at += length
    return bytes.subarray(at - length, at)
  }
  while (at < bytes.length) {
    const tag = varint()
    const number = Math.floor(tag / 8)
    const value = { 0: varint, 1: () => take(8), 2: () => take(varint()), 5: () => take(4) }[tag % 8]!()
    message.set(number, [...(message.get(number) ?? []), value])
  }
  return message
}

export interface ReadEvent {
  readonly wallTime: number
  readonly step: number
  readonly version?: string
  readonly isStart: boolean
  readonly scalars: Record<string, number>
  readonly images: Record<string, { height: number; width: number; colorspace: number; png: Buffer }>
}

/** The events of a file. Throws when a checksum is wrong, or the file ends inside a record. */
export function readEvents(path: string): ReadEvent[] {
  const bytes = readFileSync(path)
  const events: ReadEvent[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at))
    if (bytes.readUInt32LE(at + 8) !== maskedByHand(bytes.subarray(at, at + 8))) throw new Error('length')
    const data = bytes.subarray(at + 12, at + 12 + length)
    if (bytes.readUInt32LE(at + 12 + length) !== maskedByHand(data)) throw new Error('data')
    events.push(eventOf(parse(data)))
    at += length + 16
  }
  return events
}

function eventOf(event: Message): ReadEvent {
  const message = (parent: Message, number: number) =>
    parse((parent.get(number)?.[0] as Buffer) ?? Buffer.of())
  const [version] = event.get(3) ?? []
  const read: ReadEvent = {
    wallTime: (event.get(1)![0] as Buffer).readDoubleLE(),
    step: (event.get(2)?.[0] as number) ?? 0,
    ...(version === undefined ? {} : { version: String(version) }),
    isStart: message(event, 7).get(1)?.[0] === 1,
    scalars: {},
    images: {},
  }
  for (const bytes of message(event, 5).get(1) ?? []) {
    const value = parse(bytes as Buffer)
    const tag = String(value.get(1)![0])
    const [scalar] = value.get(2) ?? []
    if (scalar) read.scalars[tag] = (scalar as Buffer).readFloatLE()
    else {
      const image = message(value, 4)
      const [height, width, colorspace] = [1, 2, 3].map((n) => image.get(n)![0] as number)
      const png = image.get(4)![0] as Buffer
      read.images[tag] = { height: height!, width: width!, colorspace: colorspace!, png }
    }
  }
  return read
}
