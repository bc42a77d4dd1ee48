/** Writes docs/settings.md: every setting of a training, from the schemas that the program itself reads. */

import { writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { USUAL_TEXTS, usualArchitecture } from '../src/cli/commands/training-options.ts'
import { type Entries, textOf } from '../src/cli/setting-options.ts'
import { NETWORKS } from '../src/model/registry.ts'
import { aboutOf } from '../src/setting.ts'
import { courseSchema, trainingSchema } from '../src/train/settings.ts'

const PAGE = new URL('../docs/settings.md', import.meta.url)

const INTRODUCTION = `# Settings

The settings of a training, as \`train\` takes them. \`npm run docs\` writes this page from the schemas in
\`src/train/settings.ts\` and \`src/model/*/layers.ts\`. The command line's options, the checks of their values and the
metadata of checkpoints come from the same schemas. A program sets a setting by its name, a command line by its
option. [CONTRIBUTING.md](../CONTRIBUTING.md#adding-a-setting) says how to add one.
`

const SECTIONS = {
  course: `How long a training goes on. These may change when it is resumed.
`,
  training: `What makes two trainings the same, beside the network. A resumed training keeps all of them.
`,
  network: (name: string) => `The architecture of the network \`${name}\`. Weight files keep it.
`,
}

/** The whole page. */
export function settingsPage(): string {
  const networks = [...NETWORKS.values()].flatMap((kind) => [
    `## The network ${kind.name}\n`,
    SECTIONS.network(kind.name),
    tableOf(kind.schema.entries as Entries, usualArchitecture(kind)),
  ])
  return [
    INTRODUCTION,
    '## Length\n',
    SECTIONS.course,
    tableOf(courseSchema.entries, USUAL_TEXTS),
    '## Training\n',
    SECTIONS.training,
    tableOf(trainingSchema.entries, USUAL_TEXTS),
    ...networks,
  ]
    .join('\n')
    .trimEnd()
    .concat('\n')
}

/** A row for each setting that has an option, and a line that names the others. */
function tableOf(entries: Entries, usual: Readonly<Record<string, unknown>>): string {
  const rows: string[] = []
  const others: string[] = []
  for (const [name, schema] of Object.entries(entries)) {
    const about = aboutOf(schema)
    if (!about) {
      others.push(`\`${name}\``)
      continue
    }
    const { flag, value, help, texts } = about
    const values = texts ? Object.keys(texts).join(', ') : valuesOf(schema)
    const cells = [
      `\`${name}\``,
      `\`--${flag} ${value}\``,
      values,
      textOf(usual[name] ?? about.usual, texts),
      help,
    ]
    rows.push(`| ${cells.map((cell) => cell.replace(/[|*]/g, '\\$&')).join(' | ')} |`)
  }
  const rest = others.length
    ? `\nFiles also keep ${others.join(', ')}: other options and the data decide them.\n`
    : ''
  return `| name | option | values | default | what it does |
| --- | --- | --- | --- | --- |
${rows.join('\n')}
${rest}`
}

/** What a schema of valibot says of itself, as far as it matters here. */
interface Described {
  readonly type?: string
  readonly options?: readonly unknown[]
  readonly wrapped?: Described
  readonly pipe?: readonly Described[]
  readonly message?: unknown
}

/** The values that a schema accepts: its choices, or what its checks expect, such as "whole number, at least 1". */
function valuesOf(schema: Described): string {
  const { options, wrapped, pipe = [] } = schema
  if (options) return options.join(', ')
  if (wrapped) return valuesOf(wrapped)
  const parts = pipe.filter((part) => part !== schema && (part.options || part.wrapped || part.pipe))
  if (parts[0]) return valuesOf(parts[0])
  const messages = pipe.flatMap(({ message }) => (typeof message === 'string' ? [message] : []))
  const [first = '', ...more] = [...new Set(messages)]
    .reverse()
    .map((text) => text.replace(/^expected an? /, ''))
  return [first, ...more.map((text) => text.replace(/^number of /, ''))].join(', ')
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) writeFileSync(PAGE, settingsPage())
