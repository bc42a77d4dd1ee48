/** Pixels of a page, by libvips. */
import sharp, { type Metadata as Header, type SharpOptions } from 'sharp'
import { deepLevelOf } from '../../color/lab.ts'
import { changePrimaries, type Raster } from '../../color/raster.ts'
import { grayCurve } from '../../io/image/icc.ts'
import { rasterOfRaw } from './pixels.ts'

export interface PageDecoding {
  readonly page: number
  readonly ignoreIcc: boolean
  readonly failOn: SharpOptions['failOn']
}

type Space = 'b-w' | 'grey16' | 'rgb16' | 'srgb'

/** Decodes a page upright and in sRGB. Throws what sharp throws. */
export async function decodePage(bytes: Uint8Array, { page, ...options }: PageDecoding): Promise<Raster> {
  const header = await sharp(bytes, { page, failOn: 'none', limitInputPixels: false }).metadata()
  const input = { ...options, page } as SharpOptions
  if (header.depth === 'float' && header.space === 'b-w') return floatPage(bytes, input)
  const space = spaceOf(header, options.ignoreIcc)
  const isDeep = space === 'grey16' || space === 'rgb16'
  const { data, info } = await sharp(bytes, input)
    .autoOrient()
    .toColourspace(space)
    .raw({ depth: isDeep ? 'ushort' : 'uchar' })
    .toBuffer({ resolveWithObject: true })
  // frames are decoded with alpha, whether or not anything is not visible
  const decoded = rasterOfRaw(data, info, isDeep)
  const isOpaque = header.delay && decoded.alpha?.every((level) => level === 255)
  const raster = isOpaque ? { ...decoded, alpha: null } : decoded
  if (!options.ignoreIcc && header.icc && isDeep) convert(raster, header.icc)
  return raster
}

/** Grey stays grey, where sharp gives it as such: not with alpha, which it would leave out. More than 8 bits stay. */
function spaceOf({ space, depth, hasProfile, hasAlpha }: Header, ignoreIcc: boolean): Space {
  if (space === 'grey16' && !hasAlpha) return 'grey16'
  if (depth !== 'uchar') return 'rgb16'
  return space === 'b-w' && !hasAlpha && (ignoreIcc || !hasProfile) ? 'b-w' : 'srgb'
}

/** libvips leaves deep grey as it is, and has turned deep colours into Display P3. */
function convert({ levels, channels }: Raster, icc: Uint8Array): void {
  if (!(levels instanceof Uint16Array)) return
  if (channels === 3) changePrimaries(levels, 'srgb')
  const curve = channels === 1 ? grayCurve(icc) : null
  if (!curve) return
  const table = Uint16Array.from({ length: 65536 }, (_, level) =>
    deepLevelOf(Math.min(1, Math.max(0, curve(level / 65535)))),
  )
  for (let i = 0; i < levels.length; i++) levels[i] = table[levels[i]!]!
}

/** Grey floats: those up to 1 are shares of white, others levels of 8 or of 16 bits. */
async function floatPage(bytes: Uint8Array, input: SharpOptions): Promise<Raster> {
  const image = sharp(bytes, input).autoOrient().raw({ depth: 'float' })
  const { data, info } = await image.toBuffer({ resolveWithObject: true })
  const values = new Float32Array(data.buffer, data.byteOffset, data.byteLength / 4)
  const largest = values.reduce((most, value) => Math.max(most, value), 0)
  const white = largest <= 1 ? 1 : largest <= 255 ? 255 : 65535
  const levels = new Uint16Array(info.width * info.height)
  for (let i = 0; i < levels.length; i++) {
    const share = values[i * info.channels]! / white
    levels[i] = Math.round(65535 * Math.min(1, Math.max(0, share || 0)))
  }
  return { width: info.width, height: info.height, channels: 1, levels, alpha: null }
}
