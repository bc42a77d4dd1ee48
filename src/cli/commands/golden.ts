import { readSafetensors } from '../../node/safetensors.ts'
import { type GoldenReport, replayGolden } from '../../train/golden.ts'
import { EXIT } from '../exit.ts'
import { openAdapter } from './adapter.ts'
import { type Command, wrong } from './command.ts'

export const goldenCommand: Command = {
  summary: 'replays golden files of the PyTorch reference and compares every number',
  positionals: 'FILE.safetensors…',
  options: {},
  examples: ['colorizer golden test/golden/*.safetensors'],

  async run(call) {
    const { positionals, terminal, interrupted } = call
    if (positionals.length === 0) throw wrong('golden needs at least one FILE.safetensors')
    const gpu = await openAdapter(call)
    try {
      const reports: GoldenReport[] = []
      for (const file of positionals) {
        if (interrupted.aborted) return { json: reports.map(toJson), code: EXIT.interrupted }
        terminal.progress(`replaying ${file}`)
        const { tensors, metadata } = await readSafetensors(file)
        reports.push(await replayGolden(gpu, { name: file, tensors, metadata }))
      }
      const json = reports.map(toJson)
      return {
        json: json.length === 1 ? json[0] : json,
        text: reports.map(format).join('\n'),
        code: reports.every(({ passed }) => passed) ? EXIT.ok : EXIT.someInputFailed,
      }
    } finally {
      gpu.destroy()
    }
  },
}

function toJson({ file, worst, passed }: GoldenReport) {
  const errors = Object.entries(worst).map(([group, { error }]) => [group, error])
  return { file, maxError: Object.fromEntries(errors), worst, passed }
}

function format({ file, worst, passed }: GoldenReport): string {
  const rows = Object.entries(worst).map(([group, { key, error, share }]) => {
    const used = `${(share * 100).toFixed(1)}% of the allowance`
    return `  ${group.padEnd(13)} ${error.toExponential(1)}  ${used.padStart(24)}  worst: ${key}`
  })
  return [`${passed ? 'passed' : 'FAILED'}  ${file}`, ...rows].join('\n')
}
