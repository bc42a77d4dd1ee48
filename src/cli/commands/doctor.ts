import { EXIT } from '../../errors.ts'
import { doctor, formatDoctor } from '../../node/doctor.ts'
import type { Command } from './command.ts'

export const doctorCommand: Command = {
  summary: 'what this machine offers, what is missing and the command that mends it',
  positionals: '',
  options: {},
  examples: ['colorizer doctor', 'colorizer doctor --json'],

  async run({ flags }) {
    const report = await doctor({ adapter: flags.text('adapter') })
    return { json: report, text: formatDoctor(report), code: report.adapter ? EXIT.ok : EXIT.noAdapter }
  },
}
