/** A folder of somebody else: pictures of every kind, good, damaged and none at all, under names as people have them. */
import { chmodSync, linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import sharp from 'sharp'
import { FORMAT_ROWS } from '../format-rows.ts'
import { described, picture, type Scene, scene } from '../photographs.ts'

/** What is to become of a file: a picture in colour, a word why not, or nothing since it is no picture. */
export type Fate = 'coloured' | 'in colour' | 'failed' | 'passed over'

/** Endings of the rows whose format is not in their name. */
const ENDINGS: Readonly<Record<string, readonly string[]>> = {
  JPEG: ['jpg', 'JPG', 'jpeg', 'jpe', 'jfif'],
  PNG: ['png', 'PNG'],
  WebP: ['webp'],
  TIFF: ['tif', 'tiff', 'TIF'],
  AVIF: ['avif'],
  GIF: ['gif'],
}
/** Photographs of each kind. */
const COPIES = 10
const COLOURED = 5
const RAW = ['dng', 'cr2', 'nef', 'arw', 'pef', 'NEF']
const UNREAD = ['bmp', 'jp2', 'jxl', 'psd', 'cr3', 'raf', 'orf', 'rw2', 'tga', 'exr']
const OTHERS = [
  'Thumbs.db',
  '.DS_Store',
  'notes.txt',
  'a.jpg.xmp',
  '._a.jpg',
  'film.mov',
  'index.html',
  'jpg',
]
/** With words that a shell, a terminal, a URL or another system reads otherwise. */
const NAMES = [
  ...['with spaces.jpg', '-o.jpg', '--help.jpg', 'o\'clock "quoted".jpg'],
  ...['100%25.jpg', '#1?.jpg', '*.jpg', '[a-z].jpg', '{a,b}.jpg', '$HOME.jpg', '`id`.jpg', 'back\\slash.jpg'],
  ...['new\nline.jpg', 'escape\u001b[31m.jpg', 'two.dots..jpg', 'a.png.jpg', 'CON.jpg'],
  ...[
    'Grüße aus Köln.jpg',
    'café.jpg',
    'cafe\u0301.jpg',
    '写真.jpg',
    'صورة.jpg',
    '👩‍👩‍👧.jpg',
    '\u202egnp.jpg',
  ],
  ...[`${'n'.repeat(251)}.jpg`, `${'ä'.repeat(125)}x.jpg`],
]

/** The file of the `n`th photograph of a row. */
const fileOf = (row: string, n: number) => {
  const endings = ENDINGS[row.split(',')[0]!]!
  return `${'deep/'.repeat(n % 4)}${row.replaceAll(', ', '-')} ${n}.${endings[n % endings.length]}`
}

/** A photograph of each row of the table in docs/formats.md. */
export const ROW_FILES = Object.keys(FORMAT_ROWS).map((row) => [row, fileOf(row, 0)] as const)

/** Photographs that lie on their side, as their EXIF says. */
export const ROTATED_FILES = (['jpeg', 'png', 'webp', 'tiff', 'avif'] as const).map(
  (format) => [`${format} on its side`, `turned/photo.${format}`] as const,
)

/** sharp would write JPEG into it, whose tables and preview exiftool takes for something to be kept. */
const TIFF_OPTIONS = { compression: 'lzw' } as object

/** Writes the folder. Returns what is to become of each of its files, by their paths in it. */
export async function writeAlbum(folder: string): Promise<Map<string, Fate>> {
  const album = new Album(folder)
  await grayPictures(album)
  await colourPictures(album)
  await damagedFiles(album)
  await links(album)
  return album.fates
}

class Album {
  readonly fates = new Map<string, Fate>()
  #scenes = 0

  constructor(private readonly folder: string) {}

  /** Another one each time. */
  scene(): Scene {
    const n = this.#scenes++
    return (x, y) => scene(x + 3 * (n % 17), y) - 0.002 * (n % 60)
  }

  jpeg(): Promise<Buffer> {
    return picture(1, false, this.scene()).jpeg().toBuffer()
  }

  at(path: string): string {
    mkdirSync(dirname(join(this.folder, path)), { recursive: true })
    return join(this.folder, path)
  }

  add(path: string, fate: Fate, bytes: Uint8Array | string): void {
    writeFileSync(this.at(path), bytes)
    this.fates.set(path, fate)
  }
}

async function grayPictures(album: Album): Promise<void> {
  for (const [row, maker] of Object.entries(FORMAT_ROWS)) {
    for (let n = 0; n < COPIES; n++) album.add(fileOf(row, n), 'coloured', await maker(album.scene()))
  }
  for (const [name, path] of ROTATED_FILES) {
    const photo = described(picture(3, false, album.scene()), 6)
    const format = name.split(' ')[0] as 'jpeg'
    album.add(path, 'coloured', await photo.toFormat(format, TIFF_OPTIONS).toBuffer())
  }
  for (const name of NAMES) album.add(`names/${name}`, 'coloured', await album.jpeg())
  for (const name of ['a.jpg', 'a.png', 'A.JPG', 'box 1/a.jpg', 'box 2/a.jpg'])
    album.add(`equal/${name}`, 'coloured', await album.jpeg())
  const twice = await album.jpeg()
  for (const name of ['copy.jpg', 'copy (1).jpg', 'copy.jpeg', 'other/copy.jpg'])
    album.add(`copies/${name}`, 'coloured', twice)
  for (const [width, height] of [
    [1, 1],
    [1, 40],
    [300, 2],
  ] as const) {
    const dot = sharp({ create: { width, height, channels: 3, background: '#808080' } })
    album.add(`small/${width}x${height}.png`, 'coloured', await dot.png().toBuffer())
  }
  const wrongEnding = await picture(1, false, album.scene()).png().toBuffer()
  album.add('a PNG.jpg', 'coloured', wrongEnding)
}

/** Flags, which nobody takes for a toned print. */
async function colourPictures(album: Album): Promise<void> {
  for (const [format, [ending]] of Object.entries(ENDINGS))
    for (let n = 0; n < COLOURED; n++) {
      const stripe = { width: 32 + n, height: 48, channels: 3 as const }
      const red = await sharp({ create: { ...stripe, background: '#c8102e' } })
        .png()
        .toBuffer()
      const flag = sharp({ create: { width: 96, height: 48, channels: 3, background: '#00843d' } })
      const file = flag.composite([{ input: red, left: 0, top: 0 }])
      const name = format.toLowerCase() as 'jpeg' | 'png' | 'webp' | 'tiff' | 'avif' | 'gif'
      album.add(`colour/${format} ${n}.${ending}`, 'in colour', await file.toFormat(name).toBuffer())
    }
}

async function damagedFiles(album: Album): Promise<void> {
  for (const row of ['JPEG', 'PNG, 8 bits', 'WebP', 'TIFF, 8 bits', 'AVIF']) {
    const bytes = await FORMAT_ROWS[row]!(album.scene())
    album.add(
      `damaged/cut ${row}.${ENDINGS[row.split(',')[0]!]![0]}`,
      'failed',
      bytes.subarray(0, bytes.length * 0.6),
    )
  }
  const jpeg = await album.jpeg()
  album.add('damaged/no end.jpg', 'coloured', jpeg.subarray(0, -2))
  for (const ending of ['jpg', 'png', 'tif']) album.add(`damaged/empty.${ending}`, 'failed', '')
  album.add('damaged/text.jpg', 'failed', 'Dear Anna,\n')
  album.add('damaged/page.png', 'failed', '<!doctype html><title>404</title>')
  album.add('damaged/zeros.jpg', 'failed', new Uint8Array(5000))
  for (const ending of ['heic', 'heif']) album.add(`unread/photo.${ending}`, 'failed', '\0\0\0\x18ftypheic')
  // of many cameras a TIFF file whose first page is a small preview
  const raw = await FORMAT_ROWS['TIFF, 8 bits']!(album.scene())
  for (const ending of RAW) album.add(`unread/photo.${ending}`, 'failed', raw)
  for (const ending of UNREAD) album.add(`unread/photo.${ending}`, 'failed', `of ${ending}`)
  for (const name of OTHERS) album.add(`others/${name}`, 'passed over', 'no picture')
}

/** Links, a file that nobody may read, and one that has two names. */
async function links(album: Album): Promise<void> {
  album.add('links/photo.jpg', 'coloured', await album.jpeg())
  symlinkSync('photo.jpg', album.at('links/soft.jpg'))
  linkSync(album.at('links/photo.jpg'), album.at('links/hard.jpg'))
  symlinkSync('nowhere.jpg', album.at('links/broken.jpg'))
  symlinkSync('round.jpg', album.at('links/round.jpg'))
  symlinkSync('..', album.at('links/folder'))
  album.fates.set('links/soft.jpg', 'coloured').set('links/hard.jpg', 'coloured')
  album.fates.set('links/broken.jpg', 'failed').set('links/round.jpg', 'failed')
  album.add('locked.jpg', 'failed', await album.jpeg())
  chmodSync(album.at('locked.jpg'), 0)
  writeFileSync(album.at('locked/photo.jpg'), await album.jpeg())
  chmodSync(album.at('locked'), 0)
  album.fates.set('locked', 'failed')
}
