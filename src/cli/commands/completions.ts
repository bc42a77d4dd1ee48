import { completionsFor, SHELLS } from '../completions.ts'
import { EXIT } from '../exit.ts'
import { COMMON_OPTIONS, type Command, wrong } from './command.ts'

/** @param commands all of them, this one included */
export const completionsCommand = (commands: () => Readonly<Record<string, Command>>): Command => ({
  summary: 'prints what makes a shell complete commands and options',
  positionals: SHELLS.join('|'),
  options: {},
  examples: [
    'source <(colorizer completions bash)',
    'colorizer completions zsh > ~/.zsh/completions/_colorizer',
    'colorizer completions fish > ~/.config/fish/completions/colorizer.fish',
  ],

  async run({ positionals }) {
    const shell = SHELLS.find((name) => name === positionals[0])
    if (!shell || positionals.length > 1) throw wrong(`completions needs one shell: ${SHELLS.join(', ')}`)
    const script = completionsFor(shell, commands(), COMMON_OPTIONS)
    return { json: { shell, script }, text: script.trimEnd(), code: EXIT.ok }
  },
})
