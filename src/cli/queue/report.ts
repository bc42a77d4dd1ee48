/** `queue report`: the page of `colorize --report`, of what all workers have made. */
import { grayOf } from '../../color/paint.ts'
import type { Photo } from '../../color/photo.ts'
import { UserError } from '../../errors.ts'
import { readPhoto } from '../../node/image.ts'
import type { Entry, Ledger } from '../../queue/ledger.ts'
import type { PictureQueue } from '../../queue/queue.ts'
import type { Roots } from '../../queue/roots.ts'
import { statusOf } from '../../queue/status.ts'
import type { Outcome } from '../colorize-files.ts'
import { MOST_SHOWN, ReportPage } from '../colouring/report.ts'
import { type Call, type Result, wrong } from '../commands/command.ts'
import { EXIT } from '../exit.ts'
import { rootsOf, withQueue } from './options.ts'

/** Of photographs that were left out or have failed. */
const MOST_LISTED = 10_000

export async function report(call: Call, [folder, ...more]: readonly string[]): Promise<Result> {
  if (folder === undefined || more.length) throw wrong('queue report needs DIR, the folder for the page')
  return withQueue(call, async (queue) => {
    if ((await queue.ledger.settings())?.task === 'prepare')
      throw wrong(`the queue ${queue.name} makes records: there are no pictures to show`)
    const page = await ReportPage.open(folder)
    const { shown, outcomes } = await gather(queue.ledger)
    for (const [place, entry] of shown.entries()) {
      call.terminal.progress(`${place} of ${shown.length} on the page`)
      await show(page, entry, place, rootsOf(call)).catch((error) => {
        if (!(error instanceof UserError)) throw error
        call.terminal.warn(error.message)
      })
    }
    const settings = (await queue.ledger.settings())?.flags ?? {}
    await page.finish({ summary: await summaryOf(queue), settings, outcomes })
    return { json: { report: page.path }, text: page.path, code: EXIT.ok }
  })
}

async function summaryOf(queue: PictureQueue): Promise<string> {
  const { completed, failed, pictures } = await statusOf(queue)
  return `${completed} of ${pictures} photographs done${failed ? `, ${failed} failed` : ''}`
}

const nameOf = (place: string, path: string) => (place === '.' ? path : `${place}/${path}`)

/** The first pictures by their names, and what is listed, however many there are. */
async function gather(ledger: Ledger): Promise<{ shown: Entry[]; outcomes: Outcome[] }> {
  let shown: Entry[] = []
  const outcomes: Outcome[] = []
  const inOrder = (a: Entry, b: Entry) => (nameOf(a.to, a.output) < nameOf(b.to, b.output) ? -1 : 1)
  for await (const failure of ledger.everyFailure())
    if (outcomes.length < MOST_LISTED)
      outcomes.push({ input: nameOf(failure.from, failure.input), error: failure.reason })
  for await (const entry of ledger.everyEntry()) {
    const input = nameOf(entry.from, entry.input)
    if (entry.skipped === undefined) shown.push(entry)
    else if (outcomes.length < MOST_LISTED) outcomes.push({ input, skipped: entry.skipped })
    if (shown.length > 10 * MOST_SHOWN) shown = shown.sort(inOrder).slice(0, MOST_SHOWN)
  }
  return { shown: shown.sort(inOrder).slice(0, MOST_SHOWN), outcomes }
}

async function show(page: ReportPage, entry: Entry, place: number, roots: Roots): Promise<void> {
  const photo = async (where: string, path: string): Promise<Photo> => {
    const storage = await roots.open(where)
    return readPhoto(await storage.read(path), `${storage.address}/${path}`)
  }
  const [before, after] = [await photo(entry.from, entry.input), await photo(entry.to, entry.output)]
  const { width = after.width, height = after.height, milliseconds = 0, classes, remarks } = entry
  const coloured = {
    ...{ input: nameOf(entry.from, entry.input), output: nameOf(entry.to, entry.output) },
    ...{ width, height, milliseconds },
    ...(classes ? { classes } : {}),
    ...(remarks ? { remarks } : {}),
  }
  await page.add({ gray: grayOf(before), ours: after, caption: coloured.input }, coloured, place)
}
