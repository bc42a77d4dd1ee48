/** Options about the files that are coloured: what is read, and what a result keeps of it. */
import { basename } from 'node:path'
import type { Painter } from '../../infer/colorizer.ts'
import type { FileOptions, Making } from '../../node/formats/colorize.ts'
import { OUTPUT_FORMATS } from '../../node/formats/kinds.ts'
import { type Flags, inGroup, type Option } from './command.ts'

export const FILE_OPTIONS: Readonly<Record<string, Option>> = inGroup('Files', {
  recolor: {
    help: 'also colours photographs in colour, in place of their own colours; otherwise they are left out',
  },
  'keep-tone': { help: 'adds the tone of a print, such as sepia, to the colours; otherwise it is removed' },
  format: {
    value: OUTPUT_FORMATS.join('|'),
    help: 'of the results (default: as the photograph, or PNG where that cannot be written)',
  },
  quality: {
    value: 'N',
    help: "of JPEG, WebP and AVIF, 1 to 100 (default: 92, AVIF 85; a JPEG's own where it is higher)",
  },
  bits: { value: '8|16', help: 'of a level (default: as the photograph, where the format has them)' },
  'keep-profile': { help: "writes the results in the photograph's own RGB profile instead of sRGB" },
  'no-history': { help: 'does not say in the results that this program has coloured them, and how' },
  lenient: { help: 'colours files of which the end is missing, as far as they go' },
})

/** How files are read and written; the history needs weights, and is added by `makingOf`. */
export function fileOptions(flags: Flags): Omit<FileOptions, 'making'> {
  const bits = flags.choice('bits', ['8', '16'])
  return {
    recolor: flags.on('recolor'),
    keepTone: flags.on('keep-tone'),
    format: flags.choice('format', OUTPUT_FORMATS),
    quality: flags.integer('quality', { max: 100 }),
    bits: bits === undefined ? undefined : bits === '8' ? 8 : 16,
    keepProfile: flags.on('keep-profile'),
    lenient: flags.on('lenient'),
  }
}

/** Of the digest that a history tells, which is enough to know weights by. */
const DIGITS = 16

/**
 * What results say of how they were made; null where nothing is to be said.
 * @param weights null where there are none
 */
export function makingOf(
  flags: Flags,
  weights: { readonly path: string; readonly digest: string } | null,
  painter: Painter,
  { saturation = painter.saturation, smooth = false, keepTone = false, ...more }: Partial<FileOptions>,
): Making | null {
  if (flags.on('no-history')) return null
  const settings = {
    ...{ saturation, classifier: painter.classifier?.name ?? 'none' },
    ...(smooth ? { smooth } : {}),
    ...(flags.on('mirror') ? { mirror: true } : {}),
    ...(keepTone ? { keepTone } : {}),
    ...defined({
      ...{ strength: more.strength, temperature: more.leaning?.temperature, class: more.told?.name },
      ...{
        like: nameIn(flags.text('like')),
        hints: nameIn(flags.text('hints')),
        size: flags.integer('size'),
      },
    }),
  }
  return { weights: weights ? named(weights) : 'none, from hints alone', settings }
}

const named = ({ path, digest }: { readonly path: string; readonly digest: string }) =>
  `${basename(path)} sha256:${digest.slice(0, DIGITS)}`

const nameIn = (path: string | undefined) => (path === undefined ? undefined : basename(path))

/** What has a value. */
const defined = (values: Readonly<Record<string, string | number | undefined>>): Making['settings'] =>
  Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )
