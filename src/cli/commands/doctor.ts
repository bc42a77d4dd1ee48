import { type DoctorReport, doctor, formatDoctor } from '../../node/doctor.ts'
import { EXIT, type ExitCode } from '../exit.ts'
import type { Command } from './command.ts'

export const doctorCommand: Command = {
  summary: 'what this machine offers, what is missing and the command that mends it',
  positionals: '',
  options: {
    speed: {
      help: 'also measures, on a software adapter, how long a photograph of 12 megapixels takes; on a GPU that is always done',
    },
  },
  examples: ['colorizer doctor', 'colorizer doctor --speed', 'colorizer doctor --json'],

  async run({ flags }) {
    const report = await doctor({
      adapter: flags.text('adapter'),
      measure: flags.on('speed') || undefined,
    })
    return { json: report, text: formatDoctor(report), code: codeFor(report) }
  },
}

/** Without an adapter nothing works, so this code comes before all others. */
export function codeFor({ adapter, weights }: DoctorReport): ExitCode {
  if (!adapter) return EXIT.noAdapter
  return weights.some(({ problem }) => problem) ? EXIT.badWeightsOrRecords : EXIT.ok
}
