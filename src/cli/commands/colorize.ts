import { buffer } from 'node:stream/consumers'
import { hintsFor } from '../../io/hints.ts'
import { colorizeInMemory } from '../../node/formats/large.ts'
import { photoSize } from '../../node/image.ts'
import { CONTROL_OPTIONS } from '../colouring/control.ts'
import { EXHIBIT_OPTIONS } from '../colouring/exhibits.ts'
import { colorizeSession, JOBS } from '../colouring/session.ts'
import { LatePainter, readSetup, type Setup } from '../colouring/setup.ts'
import { EXIT } from '../exit.ts'
import { CLASSIFIER_OPTIONS } from './classifier.ts'
import { type Call, type Command, inGroup, type Result, wrong } from './command.ts'
import { FILE_OPTIONS } from './file-options.ts'
import { MIRROR_OPTIONS } from './mirror.ts'
import { PRECISION_OPTIONS } from './precision.ts'

const STDIO = '-'
/** Options that mean nothing between stdin and stdout. */
const FOR_FILES = ['sheet', 'report', 'compare', 'variants', 'seed', 'jobs', 'dry-run', 'force', 'watch']

export const colorizeCommand: Command = {
  summary: 'colours photographs: files, folders, globs, or - for stdin',
  positionals: 'INPUT… -o OUT',
  options: {
    out: {
      value: 'OUT',
      short: 'o',
      help: 'folder for the coloured pictures, which keeps the tree of the inputs; FILE.jpg or another picture for a single one; - for stdout',
    },
    'dry-run': { help: 'says what would be written where and what left out, and colours nothing' },
    force: {
      help: 'colours anew what is done already; files that this program did not write are still not overwritten',
    },
    watch: { help: 'goes on colouring what arrives in the folders, until Ctrl-C' },
    ...CONTROL_OPTIONS,
    ...FILE_OPTIONS,
    ...EXHIBIT_OPTIONS,
    ...inGroup('Network and speed', {
      weights: {
        value: 'FILE',
        help: 'weights or a checkpoint; none colours from --hints alone, without a network, by Levin et al. 2004 (default: the shipped ones, else the best of the newest training below runs/)',
      },
      ...CLASSIFIER_OPTIONS,
      ...MIRROR_OPTIONS,
      ...PRECISION_OPTIONS,
      jobs: {
        value: 'N',
        help: `photographs in work at once: some are read or written while one is coloured (default ${JOBS})`,
      },
    }),
  },
  notes: `Formats: JPEG, PNG, WebP, TIFF with all pages, AVIF, GIF and animated WebP with all frames; HEIC with the package
heic-decode. Kept: lightness, 8 or 16 bits, transparency, EXIF, IPTC, XMP, resolution (docs/formats.md). Pictures that are
there already and current are not made again (docs/folders.md).`,
  examples: [
    'colorizer colorize photo.jpg -o coloured.png',
    'colorizer colorize album/ "scans/*.tif" -o out/ --saturation 1.4',
    'colorizer colorize album/ -o out/ --report look --variants 3',
    'colorizer colorize photo.jpg -o coloured.png --hints hints.json',
    'colorizer colorize photo.jpg -o coloured.png --hints hints.json --weights none',
    'colorizer colorize - -o - < grey.jpg > coloured.jpg',
  ],

  async run(call) {
    const { flags, positionals } = call
    const out = flags.text('out')
    if (positionals.length === 0)
      throw wrong('colorize needs at least one INPUT: a file, a folder, a glob, or -')
    if (out === undefined) throw wrong('colorize needs -o OUT, the folder or the file for what is coloured')
    const isPipe = positionals.includes(STDIO) || out === STDIO
    if (isPipe) expectPipe(call, out)
    const setup = await readSetup(call)
    const painter = new LatePainter(call, setup)
    try {
      return isPipe
        ? await colorizePipe(call, setup, painter)
        : await colorizeSession(call, out, setup, painter)
    } finally {
      painter.close()
    }
  },
}

function expectPipe({ flags, positionals }: Call, out: string): void {
  if (positionals.length > 1 || positionals[0] !== STDIO || out !== STDIO || flags.on('json'))
    throw wrong('stdin goes to stdout: colorizer colorize - -o -, without --json and other inputs')
  const forFiles = FOR_FILES.find((name) => flags.given(name))
  if (forFiles !== undefined) throw wrong(`--${forFiles} is for photographs in files`)
}

/** stdin → stdout, in the format that came in where it can be written, else PNG. A picture in colour is passed on as it is. */
async function colorizePipe({ terminal }: Call, setup: Setup, late: LatePainter): Promise<Result> {
  const { painter, file } = await late.open()
  const bytes = await buffer(process.stdin)
  const hints = setup.hints && hintsFor(setup.hints, 'stdin', await photoSize(bytes, 'stdin'))
  const coloured = await colorizeInMemory(painter, bytes, 'stdin', { ...file, hints })
  if ('skipped' in coloured)
    terminal.say(`stdin is ${coloured.skipped}: it is passed on as it is without --recolor`)
  else for (const remark of coloured.remarks) terminal.warn(remark)
  for (const part of 'skipped' in coloured ? [bytes] : coloured.parts) process.stdout.write(part)
  return { json: null, code: EXIT.ok }
}
