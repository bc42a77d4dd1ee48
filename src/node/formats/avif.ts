/** EXIF and XMP in AVIF files, whose boxes libheif writes: it makes room for an EXIF block, which is then put there. */
import type { Sharp } from 'sharp'

/** What a file says beside its pixels. */
export interface Said {
  /** A TIFF block. */
  readonly exif: Uint8Array | null
  readonly xmp: string | null
}

const FILLING = 'x'
const PREFIX = 'Exif\0\0'

/** The file of `image`, which says that. */
export async function withSaid(
  image: Sharp,
  { exif, xmp }: Said = { exif: null, xmp: null },
): Promise<Uint8Array> {
  const described = xmp === null ? image : image.withXmp(xmp)
  if (!exif) return described.toBuffer()
  const filling = FILLING.repeat(exif.length)
  const file = await described.withExif({ IFD0: { ImageDescription: filling } }).toBuffer()
  const end = file.indexOf(filling) + exif.length
  const start = file.lastIndexOf(`${PREFIX}II*\0`, end) + PREFIX.length
  file.fill(0, start, end)
  file.set(exif, start)
  return file
}
