/** What is shown of all pictures at the end: the sheet and the page that options of `colorize` ask for. */
import { resolve } from 'node:path'
import { UserError } from '../../errors.ts'
import type { Journal } from '../../node/journal.ts'
import type { PhotoPath } from '../../node/photos.ts'
import { expectFits, Sheet } from '../../node/sheet.ts'
import { advised } from '../advice.ts'
import { namesOf, type OnColoured, writeListed } from '../colorize-files.ts'
import { type Flags, type Option, wrong } from '../commands/command.ts'
import { checkPicture } from '../commands/picture.ts'
import type { Terminal } from '../terminal.ts'
import { allOf } from './names.ts'
import { MADE, type Planned } from './plan.ts'
import { MOST_SHOWN, ReportPage, type RunSummary } from './report.ts'

const group = 'To look at'

const SHEET_ROWS = 100

export const EXHIBIT_OPTIONS: Readonly<Record<string, Option>> = {
  compare: { help: 'also writes NAME.compare.png, grey beside coloured', group },
  sheet: {
    value: 'FILE',
    help: `also writes a contact sheet (.png or .webp), grey beside coloured, of the first ${SHEET_ROWS} photographs`,
    group,
  },
  report: {
    value: 'DIR',
    help: `also writes a page, DIR/index.html, which needs no other file: each of the first ${MOST_SHOWN} photographs under a slider, with classes and settings, and what failed or was left out`,
    group,
  },
}

/** How the pictures are made. */
interface Made {
  readonly journal: Journal
  /** Pictures of each photograph. */
  readonly variants: number
}

/** What is shown, and must not be overwritten. */
interface Around extends Made {
  readonly photos: readonly PhotoPath[]
  readonly planned: readonly Planned[]
}

export class Exhibits {
  readonly #sheet = new Sheet(SHEET_ROWS)

  private constructor(
    private readonly file: string | undefined,
    private readonly page: ReportPage | null,
  ) {}

  /** Throws a `UserError` where an option names what cannot be written or would overwrite something. */
  static async open(flags: Flags, around: Around): Promise<Exhibits> {
    const [sheet, report] = [flags.text('sheet'), flags.text('report')]
    if (sheet !== undefined) await checkSheet(sheet, around)
    return new Exhibits(sheet, report === undefined ? null : await ReportPage.open(report))
  }

  /** What is called for every photograph; none where nothing is to be shown. */
  get onColoured(): OnColoured | undefined {
    const { file, page } = this
    if (file === undefined && !page) return undefined
    return async (row, first, { place }) => {
      if (file !== undefined) await this.#sheet.add(row, place)
      await page?.add(row, first, place)
    }
  }

  /**
   * Writes them where there is something to show, and returns their paths by their options. The pictures are worth having even
   * without them: what cannot be written is warned of and counted.
   */
  async finish(
    run: RunSummary,
    { journal, variants, terminal }: Made & { readonly terminal: Pick<Terminal, 'warn'> },
  ) {
    const written: { sheet?: string; report?: string } = {}
    let lost = 0
    const attempt = async (option: keyof typeof written, path: string, write: () => Promise<void>) => {
      try {
        await write()
        written[option] = path
      } catch (error) {
        if (!(error instanceof UserError)) throw error
        terminal.warn(advised(error))
        lost++
      }
    }
    const { file, page } = this
    if (file !== undefined && this.#sheet.length > 0) {
      const draw = () => this.#sheet.draw({ file, names: namesOf(variants) })
      await attempt('sheet', file, async () => writeListed(journal, file, [await draw()]))
    }
    if (page && !page.isEmpty) await attempt('report', page.path, () => page.finish(run))
    return { written, lost }
  }
}

/** Throws a `UserError` where the sheet cannot be written, or would overwrite a photograph or a picture of the plan. */
async function checkSheet(file: string, { photos, planned, journal, variants }: Around): Promise<void> {
  const isOwn = (entry: Planned) => 'skipped' in entry && entry.skipped === MADE
  const own = new Set(planned.flatMap((entry) => (isOwn(entry) && 'input' in entry ? entry.input : [])))
  const others = photos.filter(({ path }) => !own.has(path))
  await checkPicture('sheet', file, others, await journal.isAsWritten(file))
  const isFile = (output: string) => resolve(output) === resolve(file)
  const isPlanned = planned.some((entry) => 'photo' in entry && allOf(entry).some(isFile))
  if (isPlanned || journal.hasPicture(file)) throw wrong(`--sheet ${file} would overwrite a coloured picture`)
  const rows = planned.filter((entry) => 'photo' in entry).length
  expectFits(file, Math.min(Math.max(rows, 1), SHEET_ROWS), 1 + variants) // with --watch, of what is there now
}
