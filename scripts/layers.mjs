#!/usr/bin/env node
// Holds the rooms of src/ to their order, and draws it.
//
//   layers.mjs           writes docs/layers.svg, which shows the rooms and what each of them imports
//   layers.mjs --check   fails when an import points up, and when docs/layers.svg is out of date

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { pathToFileURL } from 'node:url'
import { PACKAGE_ROOT } from './lib/shell.mjs'

/**
 * @typedef {{
 *   name: string,       a folder of src/, or what files beside the folders are called together
 *   is: string,         what a reader finds there
 *   files?: string[],   of src/ itself; without it the room is a folder
 *   beside?: string[],  rooms of the same floor that it may import
 *   never?: string[],   rooms below that it may not import
 * }} Room
 */

/**
 * The floors from top to bottom. A room may import what lies on the floors below its own.
 * @type {Room[][]}
 */
export const FLOORS = [
  [{ name: 'library', is: 'what programs import from the package', files: ['index.ts', 'engine.ts'] }],
  [{ name: 'cli', is: 'commands, options, exit codes', never: ['web'] }],
  [{ name: 'queue', is: 'work over many machines', never: ['web'] }],
  [
    { name: 'node', is: 'files, photographs, workers, Dawn' },
    { name: 'web', is: 'the same services in a browser' },
  ],
  [
    { name: 'train', is: 'the training loop', beside: ['infer'] },
    { name: 'infer', is: 'pictures in, pictures out' },
    { name: 'tune', is: 'measures candidates', beside: ['infer'] },
  ],
  [
    { name: 'io', is: 'file formats: bytes in, bytes out', beside: ['color'] },
    { name: 'color', is: 'L*a*b*, gamut, scaling, metrics' },
  ],
  [{ name: 'model', is: 'networks behind one interface, losses' }],
  [{ name: 'autograd', is: 'gradients as more graph, Adam' }],
  [{ name: 'graph', is: 'graph → plan → executor, memory' }],
  [{ name: 'kernels', is: 'operators: shapes, dispatches, gradient, reference' }],
  [{ name: 'device', is: 'the GPU, shader text, buffers' }],
  [
    {
      name: 'basics',
      is: 'errors, numbers, random numbers, settings, tables, version',
      files: [
        'errors.ts',
        'numbers.ts',
        'random.ts',
        'rect.ts',
        'setting.ts',
        'table.ts',
        'turns.ts',
        'version.ts',
      ],
    },
  ],
]

/** The lowest floor that knows Node or a browser; what lies below runs in both. */
const LAST_HOST = 'node'

const SRC = join(PACKAGE_ROOT, 'src')
const PICTURE = join(PACKAGE_ROOT, 'docs', 'layers.svg')

const floorOf = (/** @type {Room} */ room) => FLOORS.findIndex((floor) => floor.includes(room))

/**
 * The room of a file of src/.
 * @param {string} file its path below src/
 * @returns {Room}
 */
function roomOf(file) {
  const [folder] = file.split('/')
  const isIn = (/** @type {Room} */ room) => (room.files ? room.files.includes(file) : room.name === folder)
  const room = FLOORS.flat().find(isIn)
  if (!room) throw new Error(`src/${file} is in no room: give it one in scripts/layers.mjs.`)
  return room
}

/** @param {Room} from @param {Room} to */
function mayImport(from, to) {
  if (from === to || from.beside?.includes(to.name)) return true
  return floorOf(from) < floorOf(to) && !from.never?.includes(to.name)
}

/** Relative paths behind `from`, `import`, `import(` and `new URL(`, types included. */
const IMPORT = /\b(?:from\s|import[\s(]|new URL\()\s*'(\.{1,2}\/[^']+\.ts)'/g

/**
 * The imports between the files of src/, in the order of their paths.
 * @param {Map<string, string>} files text by path below src/
 */
export function importsOf(files) {
  return [...files].flatMap(([file, text]) =>
    [...text.matchAll(IMPORT)].map(([, path]) => ({
      file,
      path: posix.join(posix.dirname(file), path ?? ''),
    })),
  )
}

/**
 * A sentence for each import that the order of the rooms does not allow.
 * @param {Map<string, string>} files text by path below src/
 */
export function forbiddenImports(files) {
  return importsOf(files).flatMap(({ file, path }) => {
    const [from, to] = [roomOf(file), roomOf(path)]
    return mayImport(from, to)
      ? []
      : [`src/${file} imports src/${path}: ${from.name} may not import ${to.name}.`]
  })
}

/** Text of all files of src/ by path. */
function sources() {
  const paths = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => path.endsWith('.ts'))
    .sort()
  return new Map(paths.map((path) => [path, readFileSync(join(SRC, path), 'utf8')]))
}

const WIDTH = 720
const MARGIN = 12
const GAP = 10
const PADDING = 10
const LINE = 16
/** Of the small print, in pixels. */
const LETTER = 6.1

/**
 * The rooms as boxes in their order, each with the number of its files and what it imports, as SVG.
 * @param {Map<string, string>} files text by path below src/
 */
export function drawLayers(files) {
  const imports = importsOf(files)
  const parts = []
  let y = MARGIN
  for (const floor of FLOORS) {
    const rooms = floor.filter((room) => [...files.keys()].some((file) => roomOf(file) === room))
    if (rooms.length === 0) continue
    const width = (WIDTH - 2 * MARGIN - GAP * (rooms.length - 1)) / rooms.length
    const texts = rooms.map((room) => textOf(room, files, imports, width - 2 * PADDING))
    const height = Math.max(...texts.map(({ lines }) => lines.length)) * LINE + LINE + 1.5 * PADDING
    rooms.forEach((room, i) => {
      parts.push(...box(room, texts[i], { x: MARGIN + i * (width + GAP), y, width, height }))
    })
    y += height + GAP
    if (!rooms.some(({ name }) => name === LAST_HOST)) continue
    parts.push(`<line x1="${MARGIN}" y1="${y + 4}" x2="${WIDTH - MARGIN}" y2="${y + 4}"/>`)
    parts.push(
      `<text x="${MARGIN}" y="${y + 21}" class="small">below this line nothing knows Node: all of it runs in browsers, too</text>`,
    )
    y += 32
  }
  return [...head(y - GAP + MARGIN), ...parts, '</svg>', ''].join('\n')
}

/** @param {number} height */
const head = (height) => [
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="14">`,
  '<title>The rooms of src/ from top to bottom, and what each of them imports</title>',
  '<style>',
  '.paper { fill: #fff; stroke: none } text { fill: #1f2328 } .small { font-size: 12px; fill: #59636e }',
  '.room { fill: #f6f8fa; stroke: #8c959f } line { stroke: #0969da; stroke-dasharray: 6 4 }',
  '@media (prefers-color-scheme: dark) {',
  '.paper { fill: #0d1117 } text { fill: #f0f6fc } .small { fill: #9198a1 }',
  '.room { fill: #151b23; stroke: #656c76 } line { stroke: #4493f8 }',
  '}',
  '</style>',
  `<rect width="${WIDTH}" height="${height}" class="paper"/>`,
]

/**
 * @param {Room} room
 * @param {Map<string, string>} files
 * @param {{ file: string, path: string }[]} imports
 * @param {number} width in pixels, of a line
 */
function textOf(room, files, imports, width) {
  const count = [...files.keys()].filter((file) => roomOf(file) === room).length
  const used = FLOORS.flat().filter(
    (other) =>
      other !== room && imports.some(({ file, path }) => roomOf(file) === room && roomOf(path) === other),
  )
  const names = used.length ? `imports ${used.map(({ name }) => name).join(', ')}` : 'imports nothing'
  return {
    count: count === 1 ? '1 file' : `${count} files`,
    lines: [room.is, ...wrapped(names, width / LETTER)],
  }
}

/** @param {string} text @param {number} most letters a line */
function wrapped(text, most) {
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = `${lines.at(-1)} ${word}`.trim()
    if (line.length <= most) lines[lines.length - 1] = line
    else lines.push(word)
  }
  return lines
}

/**
 * @param {Room} room
 * @param {{ count: string, lines: string[] }} text
 * @param {{ x: number, y: number, width: number, height: number }} at
 */
function box(room, { count, lines }, { x, y, width, height }) {
  const left = x + PADDING
  return [
    `<rect x="${round(x)}" y="${y}" width="${round(width)}" height="${height}" rx="6" class="room"/>`,
    `<text x="${round(left)}" y="${y + LINE + 4}" font-weight="bold">${room.name}</text>`,
    `<text x="${round(x + width - PADDING)}" y="${y + LINE + 4}" text-anchor="end" class="small">${count}</text>`,
    ...lines.map(
      (line, i) => `<text x="${round(left)}" y="${y + LINE * (i + 2) + 4}" class="small">${line}</text>`,
    ),
  ]
}

const round = (/** @type {number} */ value) => Math.round(value * 10) / 10

/** What is wrong, a sentence each. */
function troubles() {
  const files = sources()
  const isDrawn = readFileSync(PICTURE, 'utf8').replaceAll('\r\n', '\n') === drawLayers(files)
  return [
    ...forbiddenImports(files),
    ...(isDrawn ? [] : ['docs/layers.svg is out of date: run `npm run docs`.']),
  ]
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const found = process.argv.includes('--check') ? troubles() : []
  if (!process.argv.includes('--check')) writeFileSync(PICTURE, drawLayers(sources()))
  for (const sentence of found) console.error(sentence)
  process.exitCode = found.length ? 1 : 0
}
