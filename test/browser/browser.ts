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
  /** Whether pages are asked to be dark; they are asked to be light unless told otherwise. */
  readonly isDark?: boolean
}

/** The caller closes it. Throws when the browser is not installed. */
export async function openBrowser(
  name: BrowserName,
  { webgpu = true, isDark = false }: Wishes = {},
): Promise<Opened> {
  const outside = await Outside.open()
  const downloads = mkdtempSync(join(tmpdir(), 'colorizer-downloads-'))
  const optionsOf = name === 'chromium' ? chromiumOptions : firefoxOptions
  const browser = await puppeteer.launch({
    ...optionsOf({ webgpu, isDark, downloads, proxy: outside.port }),
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

interface Setting extends Required<Wishes> {
  readonly downloads: string
  /** The port of the proxy. */
  readonly proxy: number
}

const chromiumOptions = ({ webgpu, isDark, downloads, proxy }: Setting): LaunchOptions => ({
  browser: 'chrome',
  downloadBehavior: { policy: 'allow', downloadPath: downloads },
  args: [
    '--no-sandbox', // it has none where everything is root's, as on test machines
    `--proxy-server=127.0.0.1:${proxy}`,
    '--force-prefers-reduced-motion', // what fades is neither there nor away
    `--blink-settings=preferredColorScheme=${isDark ? 0 : 1}`,
    ...(webgpu
      ? ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader', '--ignore-gpu-blocklist']
      : ['--disable-features=WebGPUService', '--disable-gpu']),
  ],
})

const firefoxOptions = ({ webgpu, isDark, downloads, proxy }: Setting): LaunchOptions => ({
  browser: 'firefox',
  extraPrefsFirefox: {
    'layout.css.prefers-color-scheme.content-override': isDark ? 0 : 1,
    'ui.prefersReducedMotion': 1,
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
