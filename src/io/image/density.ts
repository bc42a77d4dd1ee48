/** Pixels on paper. */
import { viewOf } from './bytes.ts'
import { type Directory, type Field, shortField, type Tiff } from './tiff.ts'

export interface Density {
  /** Pixels a unit. */
  readonly x: number
  readonly y: number
  /** 'none' where only the proportions of a pixel are told. */
  readonly unit: 'inch' | 'cm' | 'none'
}

/** TIFF's and EXIF's numbers of units. */
const UNITS = ['none', 'none', 'inch', 'cm'] as const
const [X, Y, UNIT] = [0x11a, 0x11b, 0x128]
const RATIONAL = 5
const CM_PER_INCH = 2.54

/** What a TIFF directory says; null where it says nothing. */
export function densityOf(tiff: Tiff, directory: Directory): Density | null {
  const rational = (wanted: number) => {
    const field = directory.fields.find(
      ({ tag, type, count }) => tag === wanted && type === RATIONAL && count === 1,
    )
    if (!field) return null
    const view = viewOf(field.value)
    const value = view.getUint32(0, tiff.little) / view.getUint32(4, tiff.little)
    return Number.isFinite(value) && value > 0 ? value : null
  }
  const [x, y] = [rational(X), rational(Y)]
  if (x === null || y === null) return null
  return { x, y, unit: UNITS[tiff.number(directory, UNIT) ?? 2] ?? 'inch' }
}

/** The fields of a TIFF directory in little-endian byte order. */
export const densityFields = ({ x, y, unit }: Density): Field[] => [
  rationalField(X, x),
  rationalField(Y, y),
  shortField(UNIT, unit === 'none' ? 1 : UNITS.lastIndexOf(unit), true),
]

function rationalField(tag: number, number: number): Field {
  const value = new Uint8Array(8)
  const below = Number.isInteger(number) ? 1 : 10_000
  viewOf(value).setUint32(0, Math.round(number * below), true)
  viewOf(value).setUint32(4, below, true)
  return { tag, type: RATIONAL, count: 1, value }
}

/** The same in pixels a metre. */
export const perMetre = ({ x, y, unit }: Density) => {
  const factor = unit === 'inch' ? 100 / CM_PER_INCH : unit === 'cm' ? 100 : 1
  return { x: Math.round(x * factor), y: Math.round(y * factor) }
}

/** From pixels a metre: in inches where these are whole, as PNG has no inches. */
export function fromMetre(x: number, y: number): Density {
  const inches = [x, y].map((each) => (each * CM_PER_INCH) / 100)
  const near = inches.map(Math.round)
  if (inches.every((each, i) => Math.abs(each - near[i]!) < 0.02))
    return { x: near[0]!, y: near[1]!, unit: 'inch' }
  return { x: x / 100, y: y / 100, unit: 'cm' }
}
