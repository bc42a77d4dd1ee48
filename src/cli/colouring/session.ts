/** One call of `colorize` for files: what it plans, what it does, and what it says of that. */

import { join } from 'node:path'
import { formatOfName, OUTPUT_FORMATS, PICTURE_ENDINGS } from '../../node/formats/kinds.ts'
import { JOURNAL, Journal } from '../../node/journal.ts'
import { findEach, type PhotoPath } from '../../node/photos.ts'
import { cacheFolder } from '../../node/store/cache.ts'
import { isFile } from '../colorize-files.ts'
import { type Call, exitCode, type Result, wrong } from '../commands/command.ts'
import { Exhibits } from './exhibits.ts'
import { type Planned, type PlanOptions, planFor } from './plan.ts'
import { type RunOptions, runPlan } from './run.ts'
import type { LatePainter, Setup } from './setup.ts'
import { doneText, planJson, planText } from './summary.ts'
import { watch } from './watch.ts'

/** One is read, one coloured and one written at the same time. */
export const JOBS = 3
/** Lists the pictures whose file `-o` names; those in folders have a journal beside them. */
const SINGLE_FILES = 'pictures.jsonl'

interface Session {
  readonly call: Call
  readonly options: PlanOptions
  readonly setup: Setup
}

export async function colorizeSession(
  call: Call,
  out: string,
  setup: Setup,
  painter: LatePainter,
): Promise<Result> {
  const { flags, terminal, interrupted } = call
  const jobs = flags.integer('jobs') ?? JOBS
  const session = { call, setup, options: await planOptions(call, out, setup) }
  const { photos, planned } = await plan(session)
  if (flags.on('dry-run')) return dryRun(planned)
  const made = { journal: session.options.journal, variants: setup.variants?.count ?? 1 }
  const exhibits = await Exhibits.open(flags, { photos, planned, ...made })
  const running: RunOptions = {
    ...{ hints: setup.hints, seed: setup.variants?.seed, settings: setup.settings, values: setup.values },
    ...{ journal: session.options.journal, onColoured: exhibits.onColoured },
    ...{ jobs, terminal, interrupted, open: () => painter.open() },
  }
  const looking = async () => (await plan(session)).planned
  const ran = flags.on('watch') ? await watch(looking, running) : await runPlan(planned, running)
  const summary = doneText(ran, out)
  const settings = flags.givenBut(['json', 'quiet'])
  const shown = { summary, settings, outcomes: ran.outcomes }
  const { written, lost } = await exhibits.finish(shown, { ...made, terminal })
  const failed = ran.outcomes.filter((outcome) => 'error' in outcome).length
  return {
    json: { files: ran.outcomes, ...written },
    text: ran.outcomes.length > failed || !failed ? [summary, ...Object.values(written)].join('\n') : '',
    code: exitCode(interrupted.aborted, failed + lost),
  }
}

function dryRun(planned: readonly Planned[]): Result {
  const failing = planned.filter((entry) => 'error' in entry).length
  return { json: planJson(planned), text: planText(planned), code: exitCode(false, failing) }
}

async function planOptions({ flags }: Call, out: string, setup: Setup): Promise<PlanOptions> {
  const isSingle = await isFile(out)
  const format = flags.choice('format', OUTPUT_FORMATS)
  const named = isSingle ? formatOfName(out) : format
  if (format !== undefined && format !== named)
    throw wrong(`--format ${format} is another one than that of -o ${out}`)
  if (isSingle && flags.on('watch')) throw wrong(`-o ${out} is one file: --watch needs a folder`)
  const journal = isSingle
    ? await Journal.open(join(cacheFolder(), SINGLE_FILES), { isOptional: true })
    : await Journal.open(join(out, JOURNAL))
  const { settings, variants } = setup
  return {
    ...{ out, isFile: isSingle, variants: variants?.count ?? null, format, settings, journal },
    ...{ compare: flags.on('compare'), force: flags.on('force') },
  }
}

/** Finds the photographs and decides what is done with each. Throws a `UserError` when there are more than the options are for. */
async function plan({ call, options }: Session): Promise<{ photos: PhotoPath[]; planned: Planned[] }> {
  const { flags, positionals } = call
  const search = { endings: PICTURE_ENDINGS, mayBeEmpty: flags.on('watch') }
  const { photos, failures } = await findEach(positionals, search)
  const count = photos.length + failures.length
  const hints = flags.text('hints')
  if (hints !== undefined && count > 1)
    throw wrong(`--hints ${hints} are for one photograph, but there are ${count} inputs`)
  if (options.isFile && count > 1)
    throw wrong(`-o ${options.out} is one file, but there are ${count} inputs: name a folder instead`)
  return { photos, planned: [...failures, ...(await planFor(photos, options))] }
}
