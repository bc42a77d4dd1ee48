/** The page of pictures of `evaluate --report DIR`: HTML without scripts, that needs only the files beside it. */
import type { Scores } from './measure-photos.ts'

/** What was made of one photograph. */
export interface Row {
  readonly input: string
  readonly scores: Scores
  /** From left to right. */
  readonly pictures: readonly Picture[]
}

interface Picture {
  readonly title: string
  /** Relative to the page. */
  readonly file: string
  /** In px. */
  readonly width: number
  readonly height: number
}

/** Figures of each picture: what, how many decimals, by what it is multiplied. */
const FIGURES: readonly [keyof Scores, string, number, number?][] = [
  ['abMse', 'ab error', 1],
  ['edgeAbMse', 'near edges', 1],
  ['paintedAbMse', 'as painted', 1],
  ['hueShare', 'by other hues, %', 0, 100],
  ['psnr', 'PSNR, dB', 2],
  ['deltaE', 'ΔE2000', 1],
  ['chroma', 'chroma', 1],
  ['chromaTruth', 'of the original', 1],
  ['neutralChroma', 'where that is neutral', 1],
  ['featureDistance', 'feature distance', 3],
]

/** On a middle grey colours are judged best. */
const STYLE = `
body { margin: 2rem; background: #777; color: #fff; font: 15px/1.5 system-ui, sans-serif }
pre { overflow-x: auto; padding: 1rem; background: #444 }
section { margin-top: 2.5rem }
h2 { margin: 0; font-size: 1rem }
p { margin: 0 0 0.5rem }
div { display: flex; gap: 0.5rem }
figure { flex: 1; min-width: 0; max-width: 640px; margin: 0 }
img { display: block; width: 100%; height: auto }
`

/**
 * The worst picture by ab error comes first.
 * @param text what is said of all pictures together
 */
export function pageOf(rows: readonly Row[], text: string): string {
  const worstFirst = [...rows].sort((a, b) => b.scores.abMse - a.scores.abMse)
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Evaluation of ${rows.length} ${rows.length === 1 ? 'picture' : 'pictures'}</title>
<style>${STYLE}</style>
<pre>${escaped(text)}</pre>
${worstFirst.map(sectionOf).join('\n')}
</html>
`
}

function sectionOf({ input, scores, pictures }: Row): string {
  const figures = FIGURES.flatMap(([key, title, decimals, scale = 1]) =>
    scores[key] === undefined ? [] : [`${title} ${(scale * scores[key]).toFixed(decimals)}`],
  )
  if (scores.agreement !== undefined)
    figures.push(scores.agreement ? 'recognised as before' : 'recognised as something else')
  return `<section>
<h2>${escaped(input)}</h2>
<p>${figures.join(' · ')}</p>
<div>
${pictures.map(figureOf).join('\n')}
</div>
</section>`
}

function figureOf({ title, file, width, height }: Picture): string {
  const size = `width="${width}" height="${height}"`
  const image = `<img src="${encodeURI(file)}" ${size} loading="lazy" alt="${escaped(title)}">`
  return `<figure>${image}<figcaption>${escaped(title)}</figcaption></figure>`
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

export const escaped = (text: string) => text.replace(/[&<>"]/g, (character) => ENTITIES[character]!)
