/**
 * A plotter's alphabet. Machines without any font exist (a fresh Debian has none), and there an SVG's `<text>` comes out
 * as empty boxes; so pictures made here draw their letters as strokes.
 *
 * Each glyph is a list of strokes on a grid whose capitals go from y = 0 to the baseline y = 6 (descenders to 8) and
 * whose widest letters go from x = 0 to 4: "06 03|10 41" draws two lines. A stroke of two equal points is a dot.
 */
const GLYPHS: Readonly<Record<string, string>> = {
  ' ': '',
  '0': '10 01 05 16 26 35 31 20 10',
  '1': '01 10 16',
  '2': '01 10 20 31 32 06 36',
  '3': '01 10 20 31 32 23 13|23 34 35 26 16 05',
  '4': '26 20 04 34',
  '5': '30 00 03 23 34 35 26 16 05',
  '6': '31 20 10 01 05 16 26 35 34 23 13 04',
  '7': '00 30 16',
  '8': '10 01 02 13 23 32 31 20 10|13 04 05 16 26 35 34 23',
  '9': '05 16 26 35 31 20 10 01 02 13 23 32',
  A: '06 01 10 30 41 46|03 43',
  B: '00 06 36 45 44 33 03|33 42 41 30 00',
  C: '41 30 10 01 05 16 36 45',
  D: '00 06 26 44 42 20 00',
  E: '40 00 06 46|03 33',
  F: '40 00 06|03 33',
  G: '41 30 10 01 05 16 36 45 43 23',
  H: '00 06|40 46|03 43',
  I: '00 06',
  J: '30 35 26 16 05',
  K: '00 06|40 04|13 46',
  L: '00 06 36',
  M: '06 00 23 40 46',
  N: '06 00 46 40',
  O: '10 01 05 16 36 45 41 30 10',
  P: '06 00 30 41 42 33 03',
  Q: '10 01 05 16 36 45 41 30 10|34 46',
  R: '06 00 30 41 42 33 03|23 46',
  S: '41 30 10 01 02 13 33 44 45 36 16 05',
  T: '00 40|20 26',
  U: '00 05 16 36 45 40',
  V: '00 26 40',
  W: '00 16 22 36 40',
  X: '00 46|40 06',
  Y: '00 23 40|23 26',
  Z: '00 40 06 46',
  a: '12 22 33 36|34 14 05 16 26 35',
  b: '00 06|03 12 22 33 35 26 16 05',
  c: '33 22 12 03 05 16 26 35',
  d: '30 36|33 22 12 03 05 16 26 35',
  e: '04 34 33 22 12 03 05 16 26 35',
  f: '30 20 11 16|02 22',
  g: '32 37 28 08|33 22 12 03 05 16 26 35',
  h: '00 06|03 12 22 33 36',
  i: '02 06|00 00',
  j: '12 17 08|10 10',
  k: '00 06|32 04|14 36',
  l: '00 05 16',
  m: '02 06|03 12 23 26|23 32 43 46',
  n: '02 06|03 12 22 33 36',
  o: '12 03 05 16 26 35 33 22 12',
  p: '02 08|03 12 22 33 35 26 16 05',
  q: '32 38|33 22 12 03 05 16 26 35',
  r: '02 06|03 12 22',
  s: '33 22 12 03 14 24 35 26 16 05',
  t: '10 15 26|02 22',
  u: '02 05 16 26 35|32 36',
  v: '02 26 42',
  w: '02 16 23 36 42',
  x: '02 36|32 06',
  y: '02 05 16 26 35|32 37 28 08',
  z: '02 32 06 36',
  '.': '06 06',
  ',': '16 07',
  ':': '03 03|06 06',
  ';': '13 13|16 07',
  '!': '00 04|06 06',
  '?': '01 10 20 31 32 13 14|16 16',
  "'": '00 01',
  '"': '00 01|20 21',
  '-': '04 24',
  '–': '04 34',
  '−': '04 34',
  '+': '04 44|22 26',
  '=': '03 33|05 35',
  '×': '03 36|33 06',
  '*': '12 16|03 25|23 05',
  '·': '04 04',
  '…': '06 06|26 26|46 46',
  _: '07 37',
  '/': '30 07',
  '\\': '00 37',
  '|': '00 07',
  '(': '10 01 06 17',
  ')': '00 11 16 07',
  '[': '10 00 07 17',
  ']': '00 10 17 07',
  '<': '32 04 36',
  '>': '02 34 06',
  '%': '06 40|00 10 11 01 00|35 45 46 36 35',
  '#': '11 06|31 26|02 42|05 35',
  '&': '46 01 10 20 21 04 05 16 26 44',
  '@': '34 24 23 33 35 45 42 30 10 01 05 16 36',
  '²': '00 10 11 02 12',
}

/** What stands for a character that has no glyph. */
const BOX = '00 30 36 06 00'

const CAPITAL_UNITS = 6
const SPACE_UNITS = 2
/** Between two letters. */
const GAP_UNITS = 2

interface Point {
  readonly x: number
  readonly y: number
}

interface Glyph {
  readonly strokes: readonly (readonly Point[])[]
  readonly units: number
}

export interface TextStyle {
  /** Height of a capital, px. */
  readonly size: number
  readonly color?: string
  readonly anchor?: 'start' | 'middle' | 'end'
  /** Bottom to top, for the label of a vertical axis. */
  readonly upwards?: boolean
}

/** Width of a line of text in px. */
export function textWidth(text: string, size: number): number {
  const units = glyphsOf(text).reduce((sum, { units }) => sum + units + GAP_UNITS, -GAP_UNITS)
  return (Math.max(units, 0) * size) / CAPITAL_UNITS
}

/** The SVG element that draws one line of text whose baseline starts (or ends, or is centred) at x, y. */
export function svgText(text: string, x: number, y: number, style: TextStyle): string {
  const { size, color = '#222222', anchor = 'start', upwards = false } = style
  const shift = { start: 0, middle: -0.5, end: -1 }[anchor] * textWidth(text, size)
  const scale = size / CAPITAL_UNITS
  let left = shift / scale
  const paths = glyphsOf(text).map(({ strokes, units }) => {
    const at = left
    left += units + GAP_UNITS
    return strokes.map((points) => pathOf(points, at)).join('')
  })
  const place = `translate(${x} ${y})${upwards ? ' rotate(-90)' : ''} scale(${scale.toFixed(4)})`
  const pen = `fill="none" stroke="${color}" stroke-width="0.8" stroke-linecap="round" stroke-linejoin="round"`
  return `<path transform="${place}" ${pen} d="${paths.join('')}"/>`
}

/** `text`, cut with an ellipsis where it is wider than `width` px. */
export function fitText(text: string, size: number, width: number): string {
  if (textWidth(text, size) <= width) return text
  const letters = [...text]
  while (letters.length && textWidth(`${letters.join('')}…`, size) > width) letters.pop()
  return `${letters.join('')}…`
}

function pathOf(points: readonly Point[], left: number): string {
  return points.map(({ x, y }, i) => `${i ? 'L' : 'M'}${(left + x).toFixed(2)} ${y - CAPITAL_UNITS}`).join('')
}

/** Accents are dropped: é is drawn as e. */
function glyphsOf(text: string): Glyph[] {
  const plain = text.normalize('NFD').replace(/\p{Mn}/gu, '')
  return [...plain].map(glyphOf)
}

function glyphOf(character: string): Glyph {
  const drawing = Object.hasOwn(GLYPHS, character) ? GLYPHS[character]! : BOX
  if (!drawing) return { strokes: [], units: SPACE_UNITS }
  const strokes = drawing
    .split('|')
    .map((stroke) => stroke.split(' ').map((pair) => ({ x: Number(pair[0]), y: Number(pair[1]) })))
  return { strokes, units: Math.max(...strokes.flat().map(({ x }) => x)) }
}
