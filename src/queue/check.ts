/** A picture that every worker colours now and then: a machine whose results differ from the others' stops by itself. */
import { createHash } from 'node:crypto'
import type { Redis } from 'ioredis'
import sharp from 'sharp'
import { UserError } from '../errors.ts'
import { VERSION } from '../version.ts'
import type { Ledger } from './ledger.ts'
import type { Paint } from './picture.ts'

const [WIDTH, HEIGHT] = [96, 64]
/** Of 255: by so much adapters may differ in rounding. */
const MOST_DIFFERENCE = 2

export interface CheckOptions {
  readonly ledger: Ledger
  readonly redis: Redis
  readonly paint: Paint
  /** Adapter, driver and whatever else decides about rounding. */
  readonly adapter: string
  /** Digest of what pictures are made with. */
  readonly settings: string
  /** Pictures between two checks. */
  readonly every: number
}

export class CheckPicture {
  #count = 0

  constructor(private readonly options: CheckOptions) {}

  /** To be called before each picture; every so many it checks. Throws as `run`. */
  async next(): Promise<void> {
    if (++this.#count % this.options.every === 0) await this.run()
  }

  /** Throws a `UserError` (trouble 'adapter') when the result is another one than before on such an adapter, or too far from that of others. */
  async run(): Promise<void> {
    const { adapter, ledger, redis, settings } = this.options
    const levels = await this.#levels()
    const list = ledger.key(`check-${VERSION}-${settings}`)
    const digest = createHash('sha256').update(levels).digest('hex')
    await redis.hsetnx(list, `bits of ${adapter}`, digest)
    await redis.hsetnx(list, 'levels', levels.toString('base64'))
    const [bits, first] = await redis.hmget(list, `bits of ${adapter}`, 'levels')
    if (bits !== digest) throw differing(`other bits than before on ${adapter}`)
    const wanted = Buffer.from(first!, 'base64')
    const most = levels.reduce((most, level, i) => Math.max(most, Math.abs(level - wanted[i]!)), 0)
    if (most > MOST_DIFFERENCE || levels.length !== wanted.length)
      throw differing(`up to ${most} of 255 levels from other workers`)
  }

  /** Red, green and blue of the coloured check picture. */
  async #levels(): Promise<Buffer> {
    const painted = await this.options.paint(await checkPhotograph(), 'the check picture', 'check.png')
    if ('skipped' in painted) throw differing('it was left out as one in colour')
    return sharp(Buffer.concat(painted.parts)).removeAlpha().toColourspace('srgb').raw().toBuffer()
  }
}

const differing = (what: string) =>
  new UserError(
    `this machine is stopped, since its check picture differs: ${what}; look at its memory, driver and GPU`,
    'adapter',
  )

/** A ramp with an edge and a disc, the same bytes of pixels on every machine. */
function checkPhotograph(): Promise<Buffer> {
  const level = (x: number, y: number) => {
    if ((x - 30) ** 2 + (y - 30) ** 2 < 300) return 60 + 2 * y
    return x > 64 ? 220 - y : Math.round((255 * x) / WIDTH)
  }
  const levels = Buffer.from(
    Array.from({ length: WIDTH * HEIGHT }, (_, i) => level(i % WIDTH, Math.floor(i / WIDTH))),
  )
  return sharp(levels, { raw: { width: WIDTH, height: HEIGHT, channels: 1 } })
    .toColourspace('b-w')
    .png()
    .toBuffer()
}
