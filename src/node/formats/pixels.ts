/** Rasters to and from sharp. */
import sharp, { type Sharp } from 'sharp'
import type { Levels } from '../../color/lab.ts'
import { isDeep, type Raster } from '../../color/raster.ts'

export interface RawInfo {
  readonly width: number
  readonly height: number
  readonly channels: number
}

const newLevels = (isDeepOne: boolean, length: number): Levels =>
  isDeepOne ? new Uint16Array(length) : new Uint8Array(length)

/** What sharp gives of a picture: a last channel of two or four is alpha. */
export function rasterOfRaw(
  { buffer, byteOffset, byteLength }: Buffer,
  info: RawInfo,
  isDeepOne: boolean,
): Raster {
  const { width, height, channels: stored } = info
  const all = isDeepOne
    ? new Uint16Array(buffer, byteOffset, byteLength / 2)
    : new Uint8Array(buffer, byteOffset, byteLength)
  const channels = stored <= 2 ? 1 : 3
  if (stored === channels) return { width, height, channels, levels: all, alpha: null }
  const pixels = width * height
  const [levels, alpha] = [newLevels(isDeepOne, channels * pixels), newLevels(isDeepOne, pixels)]
  for (let i = 0; i < pixels; i++) {
    for (let c = 0; c < channels; c++) levels[channels * i + c] = all[stored * i + c]!
    alpha[i] = all[stored * i + channels]!
  }
  return { width, height, channels, levels, alpha }
}

/** A picture as sharp takes it; `frames` of equal height may stand in it one below the other. */
export function imageOf(raster: Raster, frames = 1): Sharp {
  const { width, height, channels, alpha } = raster
  const input = { width, height, channels: alpha ? ((channels + 1) as 2 | 4) : channels }
  const raw = frames > 1 ? { ...input, pageHeight: height / frames } : input
  const image = sharp(interleaved(raster), { raw, limitInputPixels: false })
  return isDeep(raster) ? image.toColourspace(channels === 1 ? 'grey16' : 'rgb16') : image
}

function interleaved(raster: Raster): Levels {
  const { width, height, channels, levels, alpha } = raster
  if (!alpha) return levels
  const all = newLevels(isDeep(raster), (channels + 1) * width * height)
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < channels; c++) all[(channels + 1) * i + c] = levels[channels * i + c]!
    all[(channels + 1) * i + channels] = alpha[i]!
  }
  return all
}
