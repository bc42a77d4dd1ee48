/** What tests open at their beginning and close at their end. */
import { afterAll, beforeAll, inject } from 'vitest'
import { type BrowserName, type Opened, openBrowser, type Wishes } from './browser.ts'
import { Host } from './host.ts'

/** Where the page is on its host: in a folder, as on many. */
export const FOLDER = '/people/page/'

/** Serves the built page. */
export function useSite(): { readonly host: () => Host; readonly url: () => string } {
  let host: Host
  beforeAll(async () => {
    host = await Host.start({ [FOLDER]: { folder: inject('site') } })
  })
  afterAll(() => host?.stop())
  return { host: () => host, url: () => `${host.url}${FOLDER}` }
}

/** Opens a browser for the tests of a block and closes it at their end. */
export function useBrowser(name: BrowserName, wishes?: Wishes): () => Opened {
  let opened: Opened
  beforeAll(async () => {
    opened = await openBrowser(name, wishes)
  })
  afterAll(() => opened?.close())
  return () => opened
}
