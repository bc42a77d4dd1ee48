/** The history of a photograph in its XMP. Source: XMP specification, part 1 and part 2, 1.2.7 (xmpMM:History). */
import type { History } from './history.ts'
import { formatHistory, parseHistory } from './history.ts'

const RDF = 'http://www.w3.org/1999/02/22-rdf-syntax-ns#'
const MM = 'http://ns.adobe.com/xap/1.0/mm/'
const EVENT = 'http://ns.adobe.com/xap/1.0/sType/ResourceEvent#'
const ACTION = 'colorized'

const EMPTY = `<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="${RDF}"></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>`

/** The entry that this program has written last, if there is one. */
export function historyInXmp(xmp: string): History | null {
  let found: History | null = null
  for (const [entry] of xmp.matchAll(/<rdf:li\b[^>]*ResourceEvent#"[^>]*>/g)) {
    const [agent, parameters] = ['softwareAgent', 'parameters'].map((name) =>
      attribute(entry, `stEvt:${name}`),
    )
    if (agent !== null && parameters !== null) found = parseHistory(agent!, parameters!) ?? found
  }
  return found
}

const attribute = (element: string, name: string) => {
  const found = new RegExp(`\\s${name}="([^"]*)"`).exec(element)
  return found ? unescaped(found[1]!) : null
}

/** XMP with an entry more; `xmp` null means that there is none yet. Text that is no XMP is returned as it is. */
export function withHistory(xmp: string | null, history: History): string {
  const text = xmp ?? EMPTY
  const { agent, parameters } = formatHistory(history)
  const entry = `<rdf:li xmlns:rdf="${RDF}" xmlns:stEvt="${EVENT}" stEvt:action="${ACTION}" stEvt:softwareAgent="${escaped(agent)}" stEvt:parameters="${escaped(parameters)}"/>`
  const list = /<xmpMM:History>\s*<rdf:Seq\s*(?:\/>|>[\s\S]*?<\/rdf:Seq>)/.exec(text)
  if (list) {
    const longer = list[0].endsWith('</rdf:Seq>')
      ? list[0].replace(/<\/rdf:Seq>$/, () => `${entry}</rdf:Seq>`)
      : list[0].replace(/<rdf:Seq\s*\/>$/, () => `<rdf:Seq>${entry}</rdf:Seq>`)
    return text.slice(0, list.index) + longer + text.slice(list.index + list[0].length)
  }
  const description = `<rdf:Description xmlns:rdf="${RDF}" rdf:about="" xmlns:xmpMM="${MM}"><xmpMM:History><rdf:Seq>${entry}</rdf:Seq></xmpMM:History></rdf:Description>`
  if (/<rdf:RDF\b[^>]*\/>/.test(text))
    return text.replace(
      /<rdf:RDF\b([^>]*)\/>/,
      (_, rest: string) => `<rdf:RDF${rest}>${description}</rdf:RDF>`,
    )
  return text.replace('</rdf:RDF>', () => `${description}</rdf:RDF>`)
}

/** What XMP repeats of pixels that have changed: that they stand upright, and that they are in sRGB. */
export function changedXmp(xmp: string, isSrgb: boolean): string {
  const set = (text: string, name: string, value: string) =>
    text
      .replace(new RegExp(`(\\s${name}=)"[^"]*"`), (_, start: string) => `${start}"${value}"`)
      .replace(new RegExp(`(<${name}>)[^<]*`), (_, start: string) => `${start}${value}`)
  const upright = set(xmp, 'tiff:Orientation', '1')
  if (!isSrgb) return upright
  return set(set(upright, 'exif:ColorSpace', '1'), 'photoshop:ICCProfile', 'sRGB')
}

/** The same with what editors leave as room for changes cut away. */
export const withoutRoom = (xmp: string) => xmp.replace(/\s{100,}(?=<\?xpacket end)/, '\n')

const ESCAPES: readonly (readonly [string, string])[] = [
  ['&', '&amp;'],
  ['<', '&lt;'],
  ['>', '&gt;'],
  ['"', '&quot;'],
]
const escaped = (text: string) => ESCAPES.reduce((all, [letter, name]) => all.replaceAll(letter, name), text)
const unescaped = (text: string) =>
  ESCAPES.toReversed().reduce((all, [letter, name]) => all.replaceAll(name, letter), text)
