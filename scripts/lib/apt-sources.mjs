// Debian's backports, derived from the sources a machine already has: the same mirror, the same key, another suite.
// Formats: sources.list(5), the one-line style (.list) and the deb822 style (.sources).

/**
 * @typedef {{ name: string, text: string }} SourceFile
 */

/**
 * The backports counterpart of every enabled source of `codename`'s component main. Empty when the machine already
 * has that suite, or when no source says `codename`.
 * @param {SourceFile[]} files
 * @param {string} codename such as bookworm
 * @returns {SourceFile[]} under names of our own
 */
export function backportsSources(files, codename) {
  const suite = `${codename}-backports`
  const [present, derived] = [suite, codename].map((wanted) =>
    files.flatMap(({ name, text }) => {
      if (name.endsWith('.sources')) return [{ ending: 'sources', entries: stanzas(text, wanted, suite) }]
      if (name.endsWith('.list')) return [{ ending: 'list', entries: lines(text, wanted, suite) }]
      return []
    }),
  )
  if (present?.some(({ entries }) => entries.length > 0)) return []
  return (derived ?? [])
    .filter(({ entries }) => entries.length > 0)
    .map(({ ending, entries }, i) => ({
      name: `webgpu-colorizer-${i}.${ending}`,
      text: entries.join(ending === 'list' ? '\n' : '\n\n').concat('\n'),
    }))
}

/**
 * One-line style: `deb [options] uri suite component…`
 * @param {string} text
 * @param {string} wanted suite to look for
 * @param {string} suite suite to write in its place
 */
function lines(text, wanted, suite) {
  const found = text.matchAll(/^[ \t]*deb[ \t]+(\[[^\]\n]*\][ \t]+)?(\S+)[ \t]+(\S+)[ \t]+([^#\n]*)/gm)
  return [...found]
    .filter(([, , , its, components]) => its === wanted && components?.split(/\s+/).includes('main'))
    .map(([, options = '', uri]) => `deb ${options}${uri} ${suite} main`)
}

/**
 * deb822 style: stanzas of `Field: value` with continuation lines, comments anywhere.
 * @param {string} text
 * @param {string} wanted
 * @param {string} suite
 */
function stanzas(text, wanted, suite) {
  return text
    .replace(/^#.*\n?/gm, '')
    .split(/\n\s*\n/)
    .map(fields)
    .filter((stanza) => {
      const words = (/** @type {string} */ name) => stanza.get(name)?.split(/\s+/) ?? []
      const enabled = !['no', 'false', 'off', '0'].includes(stanza.get('enabled')?.toLowerCase() ?? 'yes')
      return (
        enabled &&
        words('types').includes('deb') &&
        words('suites').includes(wanted) &&
        words('components').includes('main')
      )
    })
    .map((stanza) => {
      const changed = new Map([...stanza, ['types', 'deb'], ['suites', suite], ['components', 'main']])
      return [...changed].map(([name, value]) => `${name}: ${value}`).join('\n')
    })
}

/**
 * @param {string} stanza
 * @returns {Map<string, string>} field names in lower case, as apt compares them
 */
function fields(stanza) {
  const found = stanza.matchAll(/^([\w-]+):[ \t]*(.*(?:\n[ \t]+.*)*)/gm)
  return new Map([...found].map(([, name = '', value = '']) => [name.toLowerCase(), value.trim()]))
}
