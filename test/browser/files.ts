/** Pictures to choose: plain ones, odd ones, and what is none. */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { pyramidWeights } from '../pyramid-weights.ts'

const SAMPLE = 'samples/gray/march-pastoral.jpg'

export class Files {
  readonly #folder = mkdtempSync(join(tmpdir(), 'colorizer-files-'))

  path(name: string): string {
    return join(this.#folder, name)
  }

  /** Writes a file and returns its path. */
  write(name: string, bytes: Uint8Array | string): string {
    const path = this.path(name)
    writeFileSync(path, bytes)
    return path
  }

  empty(): string {
    return this.write('empty.jpg', '')
  }

  text(): string {
    return this.write('letter.jpg', 'Dear grandmother, these are the photographs.\n'.repeat(100))
  }

  /** A JPEG whose second half is missing. */
  cut(): string {
    const bytes = readFileSync(SAMPLE)
    return this.write('cut.jpg', bytes.subarray(0, bytes.length / 2))
  }

  /** As much of a HEIC file as tells that it is one. */
  heic(): string {
    return this.write('IMG_1.HEIC', `\0\0\0\x18ftypheic${'\0'.repeat(200)}`)
  }

  async tiff(): Promise<string> {
    return this.write('scan.tif', await sharp(SAMPLE).tiff().toBuffer())
  }

  /** A PNG whose data is nonsense from the middle on. */
  async damaged(): Promise<string> {
    const bytes = await sharp(SAMPLE).png().toBuffer()
    return this.write('damaged.png', bytes.fill(0x55, bytes.length >> 1, bytes.length - 100))
  }

  /** Shades from left to right. */
  async gradient(name: string, width: number, height: number): Promise<string> {
    const pixels = Buffer.alloc(width * height)
    for (let i = 0; i < pixels.length; i++) pixels[i] = 255 * ((i % width) / width)
    const png = sharp(pixels, { raw: { width, height, channels: 1 } }).png({ compressionLevel: 1 })
    return this.write(name, await png.toBuffer())
  }

  /** Grey of 16 bits a channel. */
  async deep(name: string, width: number, height: number): Promise<string> {
    const shades = sharp(await this.gradient(name, width, height)).toColourspace('grey16')
    return this.write(name, await shades.png().toBuffer())
  }

  /** A photograph in colour, whose levels are those of Display P3, which its profile says. */
  async displayP3(name: string): Promise<string> {
    const photo = sharp('samples/photos/macaw.jpg').resize(160).withIccProfile('p3')
    return this.write(name, await photo.png().toBuffer())
  }

  /** The shipped weights, of which the file says that their colours are to be that strong. */
  weights(name: string, saturation: number): string {
    const bytes = readFileSync('weights/lite.safetensors')
    const end = 8 + Number(bytes.readBigUInt64LE())
    const header = JSON.parse(bytes.subarray(8, end).toString())
    header.__metadata__.saturation = String(saturation)
    const text = JSON.stringify(header)
    const said = Buffer.from(text.padEnd(8 * Math.ceil(text.length / 8)))
    const length = Buffer.alloc(8)
    length.writeBigUInt64LE(BigInt(said.length))
    return this.write(name, Buffer.concat([length, said, bytes.subarray(end)]))
  }

  /** Weights that give each place its colour and nothing of how likely it is. */
  async plainWeights(name: string): Promise<string> {
    return this.write(name, await pyramidWeights({ hints: true, head: 'ab' }))
  }

  /** A JPEG that says in its EXIF data what is in it. */
  async described(name: string, description: string): Promise<string> {
    const grey = sharp({ create: { width: 32, height: 24, channels: 3, background: '#808080' } })
    const jpeg = grey.jpeg().withExif({ IFD0: { ImageDescription: description } })
    return this.write(name, await jpeg.toBuffer())
  }

  /** Three frames. */
  async animated(): Promise<string> {
    const [width, height] = [32, 24]
    const pixels = Buffer.alloc(3 * 3 * width * height).map((_, i) => (i * 7) % 256)
    const frames = sharp(pixels, { raw: { width, height: 3 * height, channels: 3, pageHeight: height } })
    return this.write('moving.gif', await frames.gif({ delay: [100, 100, 100] }).toBuffer())
  }

  /** Copies of one small picture under different names. */
  async many(count: number): Promise<string[]> {
    const first = await this.gradient('many-0.png', 16, 12)
    return Array.from({ length: count }, (_, i) => {
      const path = this.path(`many-${i}.png`)
      if (i > 0) copyFileSync(first, path)
      return path
    })
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
