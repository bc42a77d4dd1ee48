import { CLOCKS, formatSize } from './report.ts'
import type { Kind, Roofline, RooflineRow } from './roofline.ts'

/** The picture of a roofline: both axes logarithmic, a numbered dot for each convolution, its layer in the legend. */

const TITLE = 'Every convolution of the network against what the adapter can do'
const WIDTH = 960
const HEIGHT = 620
const PLOT = { left: 70, right: 690, top: 70, bottom: 560 }
/** Letters that stand on lines. */
const HALO = 'paint-order="stroke" stroke="#fff" stroke-width="4"'
const LEGEND = { left: 715, top: 84, line: 19 }
const RADIUS = 7.5
const COLOURS: Readonly<Record<Kind, string>> = { forward: '#1f6fb4', dx: '#d9730d', dw: '#2f8f4e' }
const NAMES: Readonly<Record<Kind, string>> = {
  forward: 'forward',
  dx: 'gradient to the input',
  dw: 'gradient to the weight',
}

/** A logarithmic axis from `low` to `high`, drawn from `from` to `to`. */
interface Axis {
  readonly low: number
  readonly high: number
  readonly from: number
  readonly to: number
}

export function rooflineSvg(roofline: Roofline): string {
  const { rows, gflops, gbPerSecond, adapter, date, size, clock } = roofline
  const ridge = gflops / gbPerSecond
  const x = axis([ridge, ...rows.map(intensity)], PLOT.left, PLOT.right)
  const y = axis([gflops, ...rows.map(speed)], PLOT.bottom, PLOT.top)
  const layers = [...new Set(rows.map(({ layers }) => layers[0]!))]
  const subtitle = `${adapter}, ${date.slice(0, 10)}; ${formatSize(size)}; by ${CLOCKS[clock]}`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12" fill="#222">`,
    `<title>${TITLE}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    text(PLOT.left, 28, TITLE, 'font-size="17"'),
    text(PLOT.left, 48, subtitle, 'fill="#666"'),
    ...grid(x, y),
    ...roof(x, y, gflops, gbPerSecond),
    ...rows.map((row) => dot(x, y, row, layers.indexOf(row.layers[0]!) + 1)),
    ...legend(layers),
    '</svg>',
    '',
  ].join('\n')
}

/** FLOP for each byte. */
const intensity = ({ flops, bytes }: RooflineRow) => flops / bytes
/** GFLOP/s. */
const speed = ({ flops, milliseconds }: RooflineRow) => flops / 1e6 / milliseconds

function axis(values: readonly number[], from: number, to: number): Axis {
  // dots on the border would be cut
  return { low: Math.min(...values) / 1.6, high: Math.max(...values) * 1.6, from, to }
}

function place({ low, high, from, to }: Axis, value: number): number {
  return from + (Math.log(value / low) / Math.log(high / low)) * (to - from)
}

/** 1, 2 and 5 times the powers of ten. */
function ticks({ low, high }: Axis): number[] {
  const first = Math.floor(Math.log10(low))
  const powers = Array.from({ length: Math.ceil(Math.log10(high)) - first + 1 }, (_, i) => first + i)
  return powers
    .flatMap((power) => [1, 2, 5].map((digit) => Number(`${digit}e${power}`)))
    .filter((value) => value >= low && value <= high)
}

function grid(x: Axis, y: Axis): string[] {
  const { left, right, top, bottom } = PLOT
  const middle = (left + right) / 2
  return [
    ...ticks(x).flatMap((value) => [
      line(place(x, value), top, place(x, value), bottom, '#ddd'),
      text(place(x, value), bottom + 18, label(value), 'text-anchor="middle"'),
    ]),
    ...ticks(y).flatMap((value) => [
      line(left, place(y, value), right, place(y, value), '#ddd'),
      text(left - 8, place(y, value) + 4, label(value), 'text-anchor="end"'),
    ]),
    text(middle, bottom + 42, 'FLOP of the direct convolution per byte', 'text-anchor="middle"'),
    text(0, 0, 'GFLOP/s', `text-anchor="middle" transform="translate(22 ${(top + bottom) / 2}) rotate(-90)"`),
  ]
}

/** Speed is limited by copying on the left of the ridge, by multiply-adds on its right. */
function roof(x: Axis, y: Axis, gflops: number, gbPerSecond: number): string[] {
  const ridge = gflops / gbPerSecond
  const start = Math.max(x.low, y.low / gbPerSecond)
  const points = [
    [start, start * gbPerSecond],
    [ridge, gflops],
    [x.high, gflops],
  ].map(([at, height]) => `${round(place(x, at!))},${round(place(y, height!))}`)
  const named = `${label(gbPerSecond)} GB/s copied, ${label(gflops)} GFLOP/s multiplied and added`
  return [
    `<polyline points="${points.join(' ')}" fill="none" stroke="#222" stroke-width="2"/>`,
    text(PLOT.left + 8, place(y, gflops) - 7, named, HALO),
    text(PLOT.left + 8, PLOT.top + 16, "above the roof: Winograd's kernels, which need fewer products", HALO),
  ]
}

function dot(x: Axis, y: Axis, row: RooflineRow, number: number): string {
  const [cx, cy] = [place(x, intensity(row)), place(y, speed(row))]
  const told = `${row.kind} ${row.layers.join(', ')}: ${row.shape}, ${row.kernel}, ${label(row.milliseconds)} ms`
  return [
    `<g><title>${escaped(told)}</title>`,
    `<circle cx="${round(cx)}" cy="${round(cy)}" r="${RADIUS}" fill="${COLOURS[row.kind]}" fill-opacity="0.8" stroke="#fff"/>`,
    text(cx, cy + 3.5, String(number), 'text-anchor="middle" font-size="10" fill="#fff"'),
    '</g>',
  ].join('')
}

function legend(layers: readonly string[]): string[] {
  const { left, top, line } = LEGEND
  const kinds = Object.keys(COLOURS) as Kind[]
  const at = (row: number) => top + row * line
  return [
    ...kinds.flatMap((kind, i) => [
      `<circle cx="${left + 8}" cy="${at(i) - 4}" r="6" fill="${COLOURS[kind]}"/>`,
      text(left + 24, at(i), NAMES[kind]),
    ]),
    ...layers.flatMap((layer, i) => [
      text(left + 16, at(kinds.length + 1 + i), String(i + 1), 'text-anchor="end" font-weight="bold"'),
      text(left + 24, at(kinds.length + 1 + i), layer),
    ]),
  ]
}

function line(x1: number, y1: number, x2: number, y2: number, colour: string): string {
  const [a, b, c, d] = [x1, y1, x2, y2].map(round)
  return `<line x1="${a}" y1="${b}" x2="${c}" y2="${d}" stroke="${colour}"/>`
}

const text = (x: number, y: number, content: string, attributes = '') =>
  `<text x="${round(x)}" y="${round(y)}"${attributes && ` ${attributes}`}>${escaped(content)}</text>`

const escaped = (content: string) =>
  content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

const round = (value: number) => Math.round(value * 10) / 10

/** Three digits. */
const label = (value: number) => String(Number(value.toPrecision(3)))
