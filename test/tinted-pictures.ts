import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'

export const TINTED = ['warm', 'cold'] as const

/** Writes two pictures of waves into a new folder, a reddish and a bluish one. */
export async function writeTinted(folder: string): Promise<void> {
  mkdirSync(folder)
  for (const [n, name] of TINTED.entries()) {
    const tint = n ? [-30, 0, 40] : [40, 10, -30]
    const levels = Array.from({ length: 40 * 28 * 3 }, (_, i) => {
      const [x, y] = [Math.floor(i / 3) % 40, Math.floor(i / 120)]
      return 120 + tint[i % 3]! + 50 * Math.sin(x / 5 + (y * (n + 1)) / 4)
    })
    const raw = { width: 40, height: 28, channels: 3 } as const
    await sharp(Buffer.from(levels), { raw })
      .png()
      .toFile(join(folder, `${name}.png`))
  }
}
