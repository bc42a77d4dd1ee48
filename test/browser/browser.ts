/** Headless browsers with WebGPU on the CPU: Chromium by its own protocol, Firefox by WebDriver BiDi. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import puppeteer, { type Browser, type LaunchOptions } from 'puppeteer-core'
import { findBrowser } from '../../scripts/lib/browsers.mjs'
import { Outside } from './outside.ts'

export type BrowserName = 'chromium' | 'firefox'
export const BROWSERS: readonly BrowserName[] = ['chromium', 'firefox']

export interface Opened {
  readonly browser: Browser
  /** What its pages asked for that is not on this machine. */
  readonly outside: Outside
  /** The folder in which it puts what pages let one download. */
  readonly downloads: string
  close(): Promise<void>
}

export interface Wishes {
  /** With it unless told otherwise. */
  readonly webgpu?: boolean
}

/** The caller closes it. Throws when the browser is not installed. */
export async function openBrowser(name: BrowserName, { webgpu = true }: Wishes = {}): Promise<Opened> {
  const outside = await Outside.open()
  const downloads = mkdtempSync(join(tmpdir(), 'colorizer-downloads-'))
  const own =
    name === 'chromium'
      ? chromiumOptions(webgpu, outside.port, downloads)
      : firefoxOptions(webgpu, outside.port, downloads)
  const browser = await puppeteer.launch({
    ...own,
    executablePath: pathOf(name),
    protocolTimeout: 0, // tests have their own
  })
  const close = async () => {
    await browser.close()
    outside.close()
    rmSync(downloads, { recursive: true, force: true })
  }
  return { browser, outside, downloads, close }
}

function pathOf(name: BrowserName): string {
  const path = findBrowser(name)
  if (path === null) throw new Error(`${name} is not installed: node scripts/setup.mjs --browsers`)
  return path
}

const chromiumOptions = (webgpu: boolean, proxy: number, downloads: string): LaunchOptions => ({
  browser: 'chrome',
  downloadBehavior: { policy: 'allow', downloadPath: downloads },
  args: [
    '--no-sandbox', // it has none where everything is root's, as on test machines
    `--proxy-server=127.0.0.1:${proxy}`,
    ...(webgpu
      ? ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader', '--ignore-gpu-blocklist']
      : ['--disable-features=WebGPUService', '--disable-gpu']),
  ],
})

const firefoxOptions = (webgpu: boolean, proxy: number, downloads: string): LaunchOptions => ({
  browser: 'firefox',
  extraPrefsFirefox: {
    'dom.webgpu.enabled': webgpu,
    'gfx.webgpu.ignore-blocklist': webgpu,
    'browser.download.folderList': 2, // the folder below
    'browser.download.dir': downloads,
    'network.proxy.type': 1,
    'network.proxy.http': '127.0.0.1',
    'network.proxy.http_port': proxy,
    'network.proxy.ssl': '127.0.0.1',
    'network.proxy.ssl_port': proxy,
  },
})
