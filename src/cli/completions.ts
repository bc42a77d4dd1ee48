/** What a shell offers when Tab is pressed, made of the same tables as the help. */
import type { Command, Option } from './commands/command.ts'

export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

type Commands = Readonly<Record<string, Command>>
type Options = Readonly<Record<string, Option>>

/** The script for a shell. @param common options that every command has */
export function completionsFor(shell: Shell, commands: Commands, common: Options): string {
  return { bash, zsh, fish }[shell](commands, common)
}

/** Choices that stand in the help as "a|b|c". */
function choicesOf({ value = '' }: Option): readonly string[] {
  return /^[a-z0-9-]+(\|[a-z0-9-]+)+$/.test(value) ? value.split('|') : []
}

/** Whether the option's value is a path. */
const takesPath = ({ value = '' }: Option) => /^(FILE|DIR|OUT|PATH|PHOTOS|WEIGHTS)/.test(value)

/** The beginning of the help, which has to fit beside the option. */
const shortly = ({ help }: Option) => help.split(/[;:,] | \(/)[0]!

/** All that may be typed as an option. */
const wordsOf = (options: Options) =>
  Object.entries(options).flatMap(([name, { short }]) => [`--${name}`, ...(short ? [`-${short}`] : [])])

function bash(commands: Commands, common: Options): string {
  const cases = Object.entries(commands).map(
    ([name, { options }]) => `    ${name}) words="${wordsOf({ ...options, ...common }).join(' ')}" ;;`,
  )
  const values = new Map<string, readonly string[]>()
  for (const { options } of Object.values(commands)) {
    for (const [name, option] of Object.entries(options)) {
      if (choicesOf(option).length) values.set(name, choicesOf(option))
    }
  }
  const choices = [...values].map(
    ([name, words]) => `    --${name}) COMPREPLY=($(compgen -W "${words.join(' ')}" -- "$word")); return ;;`,
  )
  return `# bash: source <(colorizer completions bash)
_colorizer() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" words=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${Object.keys(commands).join(' ')} --help --version" -- "$word"))
    return
  fi
  case "$before" in
${choices.join('\n')}
  esac
  [[ "$word" != -* ]] && return
  case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _colorizer colorizer
`
}

function zsh(commands: Commands, common: Options): string {
  const described = Object.entries(commands).map(
    ([name, { summary }]) => `    ${quoted(`${name}:${summary}`)}`,
  )
  const cases = Object.entries(commands).map(([name, { options }]) => {
    const specs = Object.entries({ ...options, ...common }).flatMap(zshSpecs)
    return `    ${name}) _arguments -s ${[...specs, "'*:file:_files'"].join(' \\\n      ')} ;;`
  })
  return `#compdef colorizer
# zsh: colorizer completions zsh > a folder of $fpath, as _colorizer
_colorizer() {
  local -a commands=(
${described.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe 'command' commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${cases.join('\n')}
  esac
}
if [ "$funcstack[1]" = "_colorizer" ]; then _colorizer "$@"; else compdef _colorizer colorizer; fi
`
}

/** For _arguments: name, description, and what stands behind it. */
function zshSpecs([name, option]: [string, Option]): string[] {
  const { value, short, many } = option
  const choices = choicesOf(option)
  const action = choices.length ? `(${choices.join(' ')})` : takesPath(option) ? '_files' : ' '
  const behind = value === undefined ? '' : `:${escapedColons(value)}:${action}`
  const text = `[${shortly(option).replace(/[[\]]/g, '\\$&')}]`
  const star = many ? '*' : ''
  return [`--${name}`, ...(short ? [`-${short}`] : [])].map((word) =>
    quoted(`${star}${word}${text}${behind}`),
  )
}

function fish(commands: Commands, common: Options): string {
  const names = Object.keys(commands)
  const lines = names.map(
    (name) =>
      `complete -c colorizer -n "not __fish_seen_subcommand_from ${names.join(' ')}" -f -a ${name} -d ${fishQuoted(commands[name]!.summary)}`,
  )
  for (const [name, { options }] of Object.entries(commands)) {
    for (const [long, option] of Object.entries({ ...options, ...common })) {
      const choices = choicesOf(option)
      const behind = [
        ...(option.short ? [`-s ${option.short}`] : []),
        ...(option.value === undefined ? [] : [takesPath(option) ? '-r -F' : '-x']),
        ...(choices.length ? [`-a ${fishQuoted(choices.join(' '))}`] : []),
      ]
      const seen = `-n "__fish_seen_subcommand_from ${name}"`
      lines.push(
        ['complete -c colorizer', seen, `-l ${long}`, ...behind, `-d ${fishQuoted(shortly(option))}`].join(
          ' ',
        ),
      )
    }
  }
  return `# fish: colorizer completions fish > ~/.config/fish/completions/colorizer.fish\n${lines.join('\n')}\n`
}

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`
const fishQuoted = (text: string) => `'${text.replace(/[\\']/g, '\\$&')}'`
const escapedColons = (text: string) => text.replaceAll(':', '\\:')
