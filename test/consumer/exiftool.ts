/** What exiftool, which shares no code with this program, finds in photographs and in what was made of them. */
import { spawnSync } from 'node:child_process'
import { SOFTWARE } from '../../src/io/image/history.ts'

type Tags = Readonly<Record<string, unknown>>

/** Groups that say something of the picture, of which nothing may get lost. */
const KEPT = /^(IFD\d|ExifIFD|GPS|IPTC|XMP-[\w-]+|JFIF|PNG-pHYs):/
/** How pixels are stored, and what is said of the program. */
const CHANGED =
  /:(Software|Orientation|ImageWidth|ImageHeight|ExifImageWidth|ExifImageHeight|BitsPerSample|Compression|PhotometricInterpretation|StripOffsets|StripByteCounts|RowsPerStrip|SamplesPerPixel|SampleFormat|ExtraSamples|Predictor|PlanarConfiguration|ColorSpace)$/
/** About the test's own photographs, which have less than they should. */
const OWN_WARNINGS = /GPSVersionID|IPTC-NAA|Improper EXIF header/

export const hasExiftool = (): boolean => spawnSync('exiftool', ['-ver']).status === 0

/** What is wrong with the metadata of `after`, which was made of the photograph `before`. */
export function metadataProblems(before: string, after: string): string[] {
  const [was, is] = tagsOf([before, after]) as [Tags, Tags]
  const kept = Object.keys(was).filter((tag) => KEPT.test(tag) && !CHANGED.test(tag))
  const lost = kept.filter((tag) => JSON.stringify(was[tag]) !== JSON.stringify(is[tag]))
  // docs/formats.md: AVIF and GIF carry none
  const hasProfile = !['GIF', 'AVIF'].includes(String(is['File:FileType']))
  const hasExif = Object.keys(was).some((tag) => /^(IFD0|ExifIFD):/.test(tag))
  const wanted: [string, RegExp, boolean][] = [
    ['XMP-xmpMM:HistorySoftwareAgent', exactly(SOFTWARE), true],
    ['XMP-xmpMM:HistoryParameters', /^\{"weights":"[\w.-]+ sha256:[0-9a-f]{16}","settings":\{/, true],
    ['IFD0:Software', exactly(SOFTWARE), hasExif],
    ['IFD0:Orientation', /^1$/, 'IFD0:Orientation' in was],
    ['ICC_Profile:ProfileDescription', /sRGB/, hasProfile],
  ]
  const missing = wanted.filter(([tag, value, isWanted]) => isWanted && !value.test(String(is[tag])))
  const warnings = [is['ExifTool:Warning'], is['ExifTool:Error']].flat().filter((text) => text !== undefined)
  return [
    ...lost.map((tag) => `${after}: ${tag} is ${is[tag]} instead of ${was[tag]}`),
    ...missing.map(([tag, value]) => `${after}: ${tag} is ${is[tag]}, which is not ${value}`),
    ...warnings.filter((text) => !OWN_WARNINGS.test(String(text))).map((text) => `${after}: ${text}`),
  ]
}

const exactly = (text: string) => new RegExp(`^${text.replaceAll('.', '\\.')}$`)

/** By group and name, as numbers where there are any. Throws where exiftool fails. */
function tagsOf(files: readonly string[]): Tags[] {
  const { stdout, stderr } = spawnSync('exiftool', [
    '-json',
    '-G1',
    '-n',
    '-validate',
    '-all',
    '-warning',
    ...files,
  ])
  if (!stdout?.length) throw new Error(`exiftool: ${stderr}`)
  return JSON.parse(stdout.toString())
}
