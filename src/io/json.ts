/**
 * The first name that some object in `text` has twice, or null. `text` must be valid JSON: JSON.parse has accepted it,
 * but silently keeps only the last of two equal names.
 */
export function duplicateKey(text: string): string | null {
  const open: (Set<string> | null)[] = [] // one entry per unclosed bracket: the names seen, null for an array
  for (let at = 0; at < text.length; at++) {
    const char = text[at]
    if (char === '{') open.push(new Set())
    else if (char === '[') open.push(null)
    else if (char === '}' || char === ']') open.pop()
    if (char !== '"') continue
    const end = endOfString(text, at)
    const names = open.at(-1)
    if (names && isKey(text, end)) {
      const name = JSON.parse(text.slice(at, end)) as string // two spellings (\u0061, a) are one name
      if (names.has(name)) return name
      names.add(name)
    }
    at = end - 1
  }
  return null
}

/** Index behind the closing quote of the string that starts at `at`. */
function endOfString(text: string, at: number): number {
  let end = at + 1
  while (text[end] !== '"') end += text[end] === '\\' ? 2 : 1
  return end + 1
}

function isKey(text: string, end: number): boolean {
  while (' \t\n\r'.includes(text[end] ?? '-')) end++
  return text[end] === ':'
}
