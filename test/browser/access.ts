/** What axe-core, which checks pages for people who cannot see or point, says of a page as it stands. */
import { readFileSync } from 'node:fs'
import type { Page } from 'puppeteer-core'

const AXE = readFileSync(new URL('node_modules/axe-core/axe.min.js', import.meta.url), 'utf8')

interface Violation {
  readonly id: string
  readonly help: string
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[]
}

/** Every rule that the page breaks, in words. */
export async function violations(page: Page): Promise<readonly string[]> {
  await page.evaluate(`${AXE}; undefined`)
  const run = async () => (await (window as unknown as Axe).axe.run()).violations
  const found = await page.evaluate(run)
  return found.flatMap(({ id, help, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${help}: ${html}: ${failureSummary}`),
  )
}

interface Axe {
  readonly axe: { run(): Promise<{ readonly violations: readonly Violation[] }> }
}
