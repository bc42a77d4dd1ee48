/** The page of `colorize --report DIR`: one HTML file that holds its pictures, each grey and coloured under a slider. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Photo } from '../../color/photo.ts'
import { encode, shrunkTo } from '../../node/image.ts'
import { makeFolder, saveFile } from '../../node/save.ts'
import type { SheetRow } from '../../node/sheet.ts'
import type { Coloured, Outcome } from '../colorize-files.ts'
import { wrong } from '../commands/command.ts'
import { escaped } from '../report-page.ts'
import { duration, printable } from '../terminal.ts'

/** Photographs whose pictures are shown; the others are listed. */
export const MOST_SHOWN = 100
/** Longest side of a picture on the page in px. */
const SHOWN_SIDE = 640
/** By which a page is known to be this program's. */
const GENERATOR = '<meta name="generator" content="webgpu-colorizer">'

const STYLE = `
body { margin: 2rem auto; padding: 0 1rem; max-width: 72rem; background: #777; color: #fff; font: 15px/1.5 system-ui, sans-serif }
h2 { margin: 2.5rem 0 0; font-size: 1rem; overflow-wrap: anywhere }
p { margin: 0 0 0.5rem }
table { border-spacing: 1rem 0; margin-left: -1rem }
th { text-align: left; font-weight: normal; opacity: 0.7 }
li { overflow-wrap: anywhere }
.pictures { display: flex; flex-wrap: wrap; gap: 0.5rem }
.pair { position: relative; flex: 1 1 20rem; max-width: 640px; margin: 0; --at: 50% }
.pair:focus-within { outline: 3px solid #fff }
.pair img { display: block; width: 100%; height: auto }
.pair .before { position: absolute; inset: 0; clip-path: inset(0 calc(100% - var(--at)) 0 0) }
.pair::after { content: ""; position: absolute; inset: 0 auto 0 var(--at); border-left: 2px solid #fff; pointer-events: none }
.pair input { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0; cursor: ew-resize }
`

/** Moves the border between grey and coloured. */
const SCRIPT = `addEventListener('input', ({ target }) => target.parentElement.style.setProperty('--at', target.value + '%'))`

/** What is said around the pictures. */
export interface RunSummary {
  /** What was done, in a sentence. */
  readonly summary: string
  readonly settings: Readonly<Record<string, unknown>>
  readonly outcomes: readonly Outcome[]
}

/** Takes photographs in any order as they are coloured, and writes the page at the end. */
export class ReportPage {
  readonly #sections = new Map<number, string>()
  /** Sections that are there or being made. */
  #begun = 0

  private constructor(readonly path: string) {}

  /** Throws a `UserError` where the folder cannot be made, or has a page of somebody else (exit code 2). */
  static async open(folder: string): Promise<ReportPage> {
    await makeFolder(folder)
    const path = join(folder, 'index.html')
    const before = await readFile(path, 'utf8').catch(() => null)
    if (before !== null && !before.includes(GENERATOR))
      throw wrong(
        `--report ${folder}: ${path} is there already, and not of this program; name another folder`,
      )
    return new ReportPage(path)
  }

  /** Whether there is nothing to show. */
  get isEmpty(): boolean {
    return this.#sections.size === 0
  }

  /** @param place of the photograph on the page */
  async add({ gray, ours, others = [] }: SheetRow, coloured: Coloured, place: number): Promise<void> {
    if (this.#begun === MOST_SHOWN) return
    this.#begun++ // at once: calls overlap
    const before = await dataOf(gray)
    const pairs: string[] = []
    for (const picture of [ours, ...others]) pairs.push(pairOf(before, await dataOf(picture)))
    this.#sections.set(place, sectionOf(coloured, pairs))
  }

  /** Throws a `UserError` when the file cannot be written. */
  finish(run: RunSummary): Promise<void> {
    const inOrder = [...this.#sections].sort(([a], [b]) => a - b).map(([, section]) => section)
    return saveFile(this.path, Buffer.from(pageOf(inOrder, run)))
  }
}

interface Data {
  readonly width: number
  readonly height: number
  readonly uri: string
}

async function dataOf(photo: Photo): Promise<Data> {
  const { width, height, rgb } = await shrunkTo(photo, SHOWN_SIDE)
  const bytes = await encode({ width, height, rgb }, 'jpeg')
  return { width, height, uri: `data:image/jpeg;base64,${Buffer.from(bytes).toString('base64')}` }
}

function pairOf(before: Data, after: Data): string {
  const image = ({ width, height, uri }: Data, attributes: string) =>
    `<img src="${uri}" width="${width}" height="${height}" ${attributes}>`
  const slider = '<input type="range" min="0" max="100" value="50" aria-label="how much of it is shown grey">'
  return `<figure class="pair">${image(after, 'alt="coloured"')}${image(before, 'class="before" alt="grey"')}${slider}</figure>`
}

const safe = (text: string) => escaped(printable(text))

function sectionOf(
  { input, output, width, height, milliseconds, classes = [], remarks = [] }: Coloured,
  pairs: readonly string[],
) {
  const seen = classes.map(({ name, probability }) => `${name} ${Math.round(100 * probability)}%`)
  const facts = [
    `→ ${output}`,
    `${width} × ${height}`,
    duration(milliseconds / 1000),
    ...(seen.length ? [`seen: ${seen.join(', ')}`] : []),
  ]
  return `<section>
<h2>${safe(input)}</h2>
<p>${[...facts, ...remarks].map(safe).join(' · ')}</p>
<div class="pictures">${pairs.join('\n')}</div>
</section>`
}

function pageOf(sections: readonly string[], { summary, settings, outcomes }: RunSummary): string {
  const rows = Object.entries(settings).map(
    ([name, value]) => `<tr><th>${safe(name)}</th><td>${safe(String(value))}</td></tr>`,
  )
  const failed = outcomes.flatMap((outcome) => ('error' in outcome ? [outcome.error] : []))
  const left = outcomes.flatMap((outcome) =>
    'skipped' in outcome ? [`${outcome.input}: ${outcome.skipped}`] : [],
  )
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
${GENERATOR}
<title>${safe(summary)}</title>
<style>${STYLE}</style>
<h1>Coloured photographs</h1>
<p>${safe(summary)}</p>
<table>${rows.join('\n')}</table>
${listOf('Failed', failed)}${listOf('Left out', left)}
${sections.join('\n')}
<script>${SCRIPT}</script>
</html>
`
}

const listOf = (title: string, lines: readonly string[]) =>
  lines.length
    ? `<h2>${title}</h2>\n<ul>${lines.map((line) => `<li>${safe(line)}</li>`).join('\n')}</ul>`
    : ''
