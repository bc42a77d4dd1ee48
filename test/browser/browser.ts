/** Headless browsers with WebGPU on the CPU: Chromium by its own protocol, Firefox by WebDriver BiDi. */
import puppeteer, { type Browser } from 'puppeteer-core'
import { afterAll, beforeAll } from 'vitest'
import { findBrowser } from '../../scripts/lib/browsers.mjs'
import { Outside } from './outside.ts'

export type BrowserName = 'chromium' | 'firefox'
export const BROWSERS: readonly BrowserName[] = ['chromium', 'firefox']

export interface OpenOptions {
  /** With it unless told otherwise. */
  readonly webgpu?: boolean
}

export interface Opened {
  readonly browser: Browser
  /** What its pages asked for that is not on this machine. */
  readonly outside: Outside
  close(): Promise<void>
}

/** The caller closes it. Throws when the browser is not installed. */
export async function openBrowser(name: BrowserName, { webgpu = true }: OpenOptions = {}): Promise<Opened> {
  const outside = await Outside.open()
  const launch = name === 'chromium' ? launchChromium : launchFirefox
  const browser = await launch(webgpu, outside.port)
  const close = async () => {
    await browser.close()
    outside.close()
  }
  return { browser, outside, close }
}

function pathOf(name: BrowserName): string {
  const path = findBrowser(name)
  if (path === null) throw new Error(`${name} is not installed: node scripts/setup.mjs --browsers`)
  return path
}

const launchChromium = (webgpu: boolean, proxy: number) =>
  puppeteer.launch({
    browser: 'chrome',
    executablePath: pathOf('chromium'),
    protocolTimeout: 0,
    args: [
      '--no-sandbox', // as root, which test machines run as, there is none
      `--proxy-server=127.0.0.1:${proxy}`,
      ...(webgpu
        ? ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader', '--ignore-gpu-blocklist']
        : ['--disable-features=WebGPU', '--disable-gpu']),
    ],
  })

const launchFirefox = (webgpu: boolean, proxy: number) =>
  puppeteer.launch({
    browser: 'firefox',
    executablePath: pathOf('firefox'),
    protocolTimeout: 0,
    extraPrefsFirefox: {
      'dom.webgpu.enabled': webgpu,
      'gfx.webgpu.ignore-blocklist': webgpu,
      'network.proxy.type': 1,
      'network.proxy.http': '127.0.0.1',
      'network.proxy.http_port': proxy,
      'network.proxy.ssl': '127.0.0.1',
      'network.proxy.ssl_port': proxy,
    },
  })

/** Opens a browser for the tests of a block and closes it at their end. */
export function useBrowser(name: BrowserName, options?: OpenOptions): () => Opened {
  let opened: Opened
  beforeAll(async () => {
    opened = await openBrowser(name, options)
  })
  afterAll(() => opened?.close())
  return () => opened
}
