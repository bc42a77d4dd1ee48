/** Line plots as PNG, for loss curves. */

import sharp from 'sharp'
import { svgText, textWidth } from './strokes.ts'

type Point = readonly [x: number, y: number]

export interface Series {
  readonly name: string
  /** Points that are not finite are left out. */
  readonly points: readonly Point[]
  /** faint: a line to look through; dashed: a level to compare with. */
  readonly style?: 'line' | 'faint' | 'dots' | 'dashed'
}

export interface PlotLabels {
  readonly title: string
  readonly xLabel: string
  readonly yLabel: string
}

interface Axis {
  readonly ticks: readonly number[]
  readonly low: number
  readonly high: number
}

const [WIDTH, HEIGHT] = [960, 540]
const FRAME = { left: 84, right: WIDTH - 24, top: 56, bottom: HEIGHT - 64 }
/** Okabe and Ito 2008: told apart by the colour-blind, too. */
const COLORS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9']
const GRAY = '#888888'

/** A PNG of the series in one pair of axes; y starts at 0 unless there are negative values. */
export async function linePlot(series: readonly Series[], labels: PlotLabels): Promise<Buffer> {
  const finite = series.map((line) => ({ ...line, points: line.points.filter(isFinitePoint) }))
  const points = finite.flatMap((line) => line.points)
  const x = axis(points.map(([value]) => value))
  const y = axis([0, ...points.map(([, value]) => value)])
  const place = ([px, py]: Point): Point => [
    FRAME.left + ((px - x.low) / (x.high - x.low)) * (FRAME.right - FRAME.left),
    FRAME.bottom - ((py - y.low) / (y.high - y.low)) * (FRAME.bottom - FRAME.top),
  ]
  const colors = colorsOf(finite)
  const drawn = finite.map((line, i) => draw(line, line.points.map(place), colors[i]!))
  const parts = [grid(x, y, place), ...drawn, titles(labels), legend(finite, colors)]
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}">
<rect width="100%" height="100%" fill="#ffffff"/>${parts.join('\n')}</svg>`
  return sharp(Buffer.from(svg)).removeAlpha().png().toBuffer()
}

const isFinitePoint = ([x, y]: Point) => Number.isFinite(x) && Number.isFinite(y)

/** Round numbers that enclose the values, about six of them. */
export function axis(values: readonly number[]): Axis {
  const [min, max] = values.reduce(
    ([low, high], v) => [Math.min(low, v), Math.max(high, v)],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  )
  if (min > max) return axis([0, 1])
  if (min === max) return axis([min, min + Math.max(1, Math.abs(min) / 10)])
  const rough = (max - min) / 6
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((digit) => digit * power).find((nice) => nice >= rough)!
  const [first, last] = [Math.floor(min / step), Math.ceil(max / step)]
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step)
  return { ticks, low: ticks[0]!, high: ticks.at(-1)! }
}

/** Lines in grey are levels and raw values of the line behind them, which lends them its colour. */
function colorsOf(series: readonly Series[]): string[] {
  let next = 0
  return series.map(({ style }) => {
    if (style === 'dashed') return GRAY
    return COLORS[(style === 'faint' ? next : next++) % COLORS.length]!
  })
}

function draw({ style = 'line', points: { length } }: Series, points: readonly Point[], color: string) {
  const dots = style === 'dots' || length === 1
  const circles = points.map(([x, y]) => `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="4"/>`)
  const path = points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' ')
  const look = {
    line: 'stroke-width="2.5"',
    faint: 'stroke-width="1" stroke-opacity="0.3"',
    dots: 'stroke-width="1.5"',
    dashed: 'stroke-width="2" stroke-dasharray="8 6"',
  }[style]
  const line = `<polyline points="${path}" fill="none" stroke="${color}" stroke-linejoin="round" ${look}/>`
  return dots ? `${line}<g fill="${color}">${circles.join('')}</g>` : line
}

function grid(x: Axis, y: Axis, place: (point: Point) => Point): string {
  const { left, right, top, bottom } = FRAME
  const columns = x.ticks.map((tick) => {
    const [at] = place([tick, y.low])
    const label = svgText(format(tick), at, bottom + 22, { size: 11, anchor: 'middle' })
    return `<path d="M${at} ${top}V${bottom}" stroke="#eeeeee"/>${label}`
  })
  const rows = y.ticks.map((tick) => {
    const [, at] = place([x.low, tick])
    const label = svgText(format(tick), left - 10, at + 5.5, { size: 11, anchor: 'end' })
    return `<path d="M${left} ${at}H${right}" stroke="#dddddd"/>${label}`
  })
  return [
    ...columns,
    ...rows,
    `<path d="M${left} ${top}V${bottom}H${right}" fill="none" stroke="#444444"/>`,
  ].join('\n')
}

function titles({ title, xLabel, yLabel }: PlotLabels): string {
  const middle = (FRAME.top + FRAME.bottom) / 2
  return [
    svgText(title, FRAME.left, 26, { size: 14 }),
    svgText(xLabel, (FRAME.left + FRAME.right) / 2, HEIGHT - 16, { size: 12, anchor: 'middle' }),
    svgText(yLabel, 24, middle, { size: 12, anchor: 'middle', upwards: true }),
  ].join('\n')
}

/** One line above the frame, from the right. */
function legend(series: readonly Series[], colors: readonly string[]): string {
  const [size, sample, gap] = [10, 22, 18]
  let right = FRAME.right
  const entries = series.map(({ name, style }, i) => ({ name, style, color: colors[i]! })).reverse()
  return entries
    .map(({ name, style, color }) => {
      const text = right - textWidth(name, size)
      const start = text - sample - 6
      right = start - gap
      const points: Point[] = [
        [start, 44],
        [start + sample, 44],
      ]
      const shown = style === 'dots' ? [[start + sample / 2, 44] as const] : points
      const line = draw({ name, points: shown, style: style ?? 'line' }, shown, color)
      return line + svgText(name, text, 49, { size })
    })
    .join('\n')
}

function format(value: number): string {
  return Math.abs(value) >= 1e6 || (value !== 0 && Math.abs(value) < 1e-3)
    ? value.toExponential(0)
    : String(Number(value.toPrecision(6)))
}
