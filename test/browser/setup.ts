/** What all tests share: the built page, and what the command line and the library make on Dawn. A vitest set-up. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { formatHints, type Hint } from '../../src/io/hints.ts'
import { openGpu } from '../../src/node/dawn.ts'
import { LAUNCHER } from '../program.ts'
import { buildPage } from './build.ts'
import { halftoneOf, scanOf } from './scan.ts'
import { takeSteps } from './training-steps.ts'

export interface Reference {
  readonly sample: string
  readonly hint: Hint
  /** The path of a file with this hint. */
  readonly hints: string
  /** Paths of the sample in colours, as PNG: with nothing told, and with the hint. */
  readonly plain: string
  readonly hinted: string
  /** The same at the temperature of a boldness of 0.6. */
  readonly bold: string
  /** Paths of a scan, of `scanOf`, and of what the command line makes of it. */
  readonly scan: string
  readonly scanned: string
  /** The same of `halftoneOf`. */
  readonly halftone: string
  readonly halftoned: string
  /** Of `takeSteps`. */
  readonly losses: readonly number[]
}

declare module 'vitest' {
  interface ProvidedContext {
    reference: Reference
    /** The folder of the built page. */
    site: string
  }
}

/** The smallest of the grey samples, a grey JPEG: browsers and the command line decode those to nearly the same levels. */
const SAMPLE = 'march-pastoral.jpg'
const PHOTO = join('samples/gray', SAMPLE)
const SIZE = { width: 640, height: 311 }
/** What the page makes of a boldness of 0.6. */
const TEMPERATURE = 2 ** -0.9
const HINT: Hint = { x: 0.3, y: 0.8, color: '#b03020', radius: 0.03 }

export default async function setup({ provide }: TestProject): Promise<() => void> {
  const folder = mkdtempSync(join(tmpdir(), 'colorizer-browser-'))
  const [hints, scan] = [join(folder, 'hints.json'), join(folder, 'scan.png')]
  const halftone = join(folder, 'halftone.png')
  writeFileSync(hints, formatHints([HINT], SIZE))
  writeFileSync(scan, await scanOf(PHOTO))
  writeFileSync(halftone, await halftoneOf(PHOTO))
  provide('site', buildPage(join(folder, 'site')))
  provide('reference', {
    ...{ sample: SAMPLE, hint: HINT, hints, scan, halftone },
    plain: colour(PHOTO, join(folder, 'plain.png')),
    bold: colour(PHOTO, join(folder, 'bold.png'), '--temperature', String(TEMPERATURE)),
    hinted: colour(PHOTO, join(folder, 'hinted.png'), '--hints', hints),
    scanned: colour(scan, join(folder, 'scanned.png')),
    halftoned: colour(halftone, join(folder, 'halftoned.png')),
    losses: await losses(),
  })
  return () => rmSync(folder, { recursive: true, force: true })
}

function colour(input: string, output: string, ...options: string[]): string {
  const [node, ...launcher] = LAUNCHER
  execFileSync(node!, [...launcher, 'colorize', input, '-o', output, '--quiet', ...options])
  return output
}

async function losses(): Promise<readonly number[]> {
  const gpu = await openGpu({ adapter: process.env.COLORIZER_ADAPTER })
  const read = (name: string) => readFileSync(join('weights', name))
  try {
    return await takeSteps(gpu, { weights: read('lite.safetensors'), trunk: read('mobilenet_v1.onnx') })
  } finally {
    gpu.destroy()
  }
}
