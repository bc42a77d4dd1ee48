/** `npm run bench:scale`: what colouring and training would do on many GPUs, by simulation. */
import { EXIT } from '../src/cli/exit.ts'
import { type Program, start } from './program.ts'
import { tables } from './scale/tables.ts'

const program: Program = {
  name: 'bench:scale',
  summary: 'simulates colouring and training on up to 1,000 GPUs, and prints the tables of docs/scale.md',
  positionals: '',
  options: {},
  notes: 'What it assumes stands in bench/scale/assumed.ts. Nothing is measured, so it takes no GPU.',

  async run() {
    const all = tables()
    return { json: all, text: all.join('\n\n'), code: EXIT.ok }
  },
}

await start(program)
