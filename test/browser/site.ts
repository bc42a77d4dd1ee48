/** The built page on a web server, in a folder below its top as on many hosts. */
import { afterAll, beforeAll, inject } from 'vitest'
import { Host } from './host.ts'

const FOLDER = '/people/page/'

/** Serves the page for the tests of a file. */
export function useSite(): { readonly host: () => Host; readonly url: () => string } {
  let host: Host
  beforeAll(async () => {
    host = await Host.start({ [FOLDER]: { folder: inject('site') } })
  })
  afterAll(() => host?.stop())
  return { host: () => host, url: () => `${host.url}${FOLDER}` }
}
