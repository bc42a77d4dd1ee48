import type { Gpu } from '../../device/gpu.ts'
import { readModel } from '../../node/onnx-file.ts'
import { readSafetensors } from '../../node/safetensors.ts'
import { findClassifier } from '../../node/store/classifiers.ts'
import { replayGolden } from '../../train/golden.ts'
import type { GoldenReport } from '../../train/golden-comparison.ts'
import { FINE_TUNED, isOfFineTuning, replayFineTuning } from '../../train/golden-fine-tuning.ts'
import { EXIT } from '../exit.ts'
import { openAdapter } from './adapter.ts'
import { type Command, wrong } from './command.ts'

export const goldenCommand: Command = {
  summary: 'replays golden files of the PyTorch references and compares every number',
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
        reports.push(await replayFile(gpu, file))
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

/** Replays a file of either kind. Throws a `UserError` about weights when it is none, or the classifier is not here. */
async function replayFile(gpu: Gpu, name: string): Promise<GoldenReport> {
  const file = { name, ...(await readSafetensors(name)) }
  if (!isOfFineTuning(file)) return replayGolden(gpu, file)
  const classifier = await findClassifier(FINE_TUNED)
  return replayFineTuning(gpu, file, await readModel(classifier!.path))
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
