/** Colour profiles of results. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { changePrimaries, isDeep, type Raster } from '../../color/raster.ts'
import { fileTrouble } from '../trouble.ts'
import { imageOf, rasterOfRaw } from './pixels.ts'

let srgb: Promise<Uint8Array> | null = null

/** The sRGB profile that libvips brings. */
export function srgbProfile(): Promise<Uint8Array> {
  srgb ??= (async () => {
    const dot = sharp({ create: { width: 1, height: 1, channels: 3, background: '#000000' } })
    const { icc } = await sharp(await dot.withIccProfile('srgb').png().toBuffer()).metadata()
    return icc!
  })()
  return srgb
}

/** A picture in colour whose levels are of another RGB profile. Throws a `UserError` when no temporary file can be written. */
export async function inProfile(raster: Raster, profile: Uint8Array): Promise<Raster> {
  const folder = await writing(tmpdir(), () => mkdtemp(join(tmpdir(), 'profile-')))
  try {
    const file = join(folder, 'profile.icc') // sharp takes profiles from files alone
    await writing(file, () => writeFile(file, profile))
    const own = { ...raster, levels: raster.levels.slice() }
    if (own.levels instanceof Uint16Array) changePrimaries(own.levels, 'p3') // what sharp takes 16-bit levels for
    const isDeepOne = isDeep(own)
    const image = imageOf(own).withIccProfile(file, { attach: false })
    const { data, info } = await image
      .raw({ depth: isDeepOne ? 'ushort' : 'uchar' })
      .toBuffer({ resolveWithObject: true })
    return rasterOfRaw(data, info, isDeepOne)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const writing = <T>(path: string, write: () => Promise<T>): Promise<T> =>
  write().catch((error) => {
    throw fileTrouble('write', path, error)
  })
