/** Loops of few, known turns, written out, so that what they index are registers. */

/** Turns of a loop that is written out at most. */
const MOST_TURNS = 16
const LOOP = /for \(var (\w+) = 0u; \1 < (\w+); \1\+\+\) \{/g

/**
 * The same shader without loops `for (var i = 0u; i < COUNT; i++)` where COUNT is a constant in its text. A loop that is left
 * early, or whose variable's name means something else inside, stays.
 */
export function unrolled(shader: string): string {
  let code = shader
  LOOP.lastIndex = 0
  for (let loop = LOOP.exec(code); loop; loop = LOOP.exec(code)) {
    const [head, name, bound] = loop as unknown as [string, string, string]
    const start = loop.index + head.length
    const end = closing(code, start)
    const turns = turnsOf(code.slice(start, end), name, constant(code, bound))
    if (turns === null) continue
    code = code.slice(0, loop.index) + turns + code.slice(end + 1)
    LOOP.lastIndex = loop.index // loops inside come next
  }
  return code
}

/** NaN for what is no constant in the text. */
const constant = (code: string, name: string): number =>
  Number(new RegExp(`^const ${name}\\b[^=]*= (\\d+)u?;`, 'm').exec(code)?.[1])

/** A block for each turn; null where the loop has to stay. */
function turnsOf(body: string, name: string, count: number): string | null {
  const isLeft = /\b(continue|break|return)\b/.test(body)
  const isHidden = new RegExp(`\\b(let|var|const) ${name}\\b`).test(body)
  if (!(count <= MOST_TURNS) || isLeft || isHidden) return null
  const variable = new RegExp(`(?<!\\.)\\b${name}\\b`, 'g') // not the field of that name
  return Array.from({ length: count }, (_, i) => `{${body.replace(variable, `${i}u`)}}`).join('\n')
}

/** Where the block is closed that is open at `at`. */
function closing(code: string, at: number): number {
  for (let [open, i] = [1, at]; ; i++) {
    if (code[i] === '{') open++
    else if (code[i] === '}' && --open === 0) return i
  }
}
