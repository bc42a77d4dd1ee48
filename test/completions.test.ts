/** What shells offer when Tab is pressed. */
import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { run } from './program.ts'
import { refused } from './refused.ts'

const scriptFor = async (shell: string) => (await run(['completions', shell])).stdout.toString()

describe('completions', () => {
  it('complete commands, options and choices in bash', async () => {
    const script = await scriptFor('bash')
    const offered = (...words: string[]) => {
      const line = `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}`
      const code = `${script}\n${line}; _colorizer; printf '%s\\n' "\${COMPREPLY[@]}"`
      return execFileSync('bash', ['--norc', '-c', code], { encoding: 'utf8' }).trim().split('\n')
    }
    expect(offered('colorizer', 'co')).toEqual(['colorize', 'completions'])
    expect(offered('colorizer', 'colorize', '--str')).toEqual(['--strength'])
    expect(offered('colorizer', 'colorize', '--format', 'ti')).toEqual(['tiff'])
    expect(offered('colorizer', 'train', '--precision', '')).toEqual([''])
    expect(offered('colorizer', 'tune', '--strength')).toEqual([''])
    expect(offered('colorizer', 'colorize', 'pho')).toEqual(['']) // files, by bash itself
  })

  it.each(['zsh', 'fish'])('have every command and the options of colorize in %s', async (shell) => {
    const script = await scriptFor(shell)
    for (const word of ['evaluate', 'doctor', 'completions', 'strength', 'dry-run', 'adapter'])
      expect(script).toMatch(new RegExp(`\\b${word}\\b`))
    expect(script).toMatch(/jpeg png webp tiff avif gif/)
    // what a quote opens another one closes on the same line
    const unescaped = shell === 'zsh' ? script.replaceAll("'\\''", '') : script.replaceAll(/\\./g, '')
    for (const line of unescaped.split('\n').filter((line) => !line.startsWith('#')))
      expect(line.split("'").length % 2, line).toBe(1)
  })

  it('need a shell that is known', async () => {
    refused(await run(['completions', 'tcsh']), 2, /completions needs one shell: bash, zsh, fish/)
    refused(await run(['completions']), 2, /completions needs one shell/)
  })
})
