// The browsers that the tests drive: where they are, and how they come where there are none.

import { installPackages, isDebian, mayUseApt } from './apt.mjs'
import { executablesOnPath, isExecutable, SetupError, say } from './shell.mjs'

/**
 * @typedef {'chromium' | 'firefox'} BrowserName
 * @typedef {{ title: string, variable: string, debian: string, programs: string[] }} Browser
 */

/** @type {Readonly<Record<BrowserName, Browser>>} */
const BROWSERS = {
  chromium: {
    title: 'Chromium',
    variable: 'COLORIZER_CHROMIUM',
    debian: 'chromium',
    programs: ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'],
  },
  firefox: {
    title: 'Firefox',
    variable: 'COLORIZER_FIREFOX',
    debian: 'firefox-esr',
    programs: ['firefox-esr', 'firefox'],
  },
}

/**
 * The browser's program: the one that its variable names, or else the first on PATH.
 * @param {BrowserName} name
 * @returns {string | null} null where there is none
 */
export function findBrowser(name, env = process.env) {
  const { variable, programs } = BROWSERS[name]
  const named = env[variable]
  const places = named ? [named] : programs.flatMap((program) => executablesOnPath(program, env))
  return places.find(isExecutable) ?? null
}

/** Installs the browsers that are missing, by apt where it may. Throws SetupError (1) that says what to do where it may not. */
export function ensureBrowsers() {
  const missing = () => Object.entries(BROWSERS).filter(([name]) => !findBrowser(/** @type {any} */ (name)))
  const wanted = missing().map(([, browser]) => browser)
  if (!wanted.length) return
  const installed = mayUseApt() && isDebian() ? install(wanted) : { ok: false, why: '' }
  const lacking = missing().map(([, browser]) => browser)
  if (lacking.length) throw new SetupError(whatToDo(lacking, installed.why), 1)
}

/** @param {readonly Browser[]} browsers */
function install(browsers) {
  say(`Installing ${browsers.map(({ title }) => title).join(' and ')} with apt (some minutes) …`)
  return installPackages(browsers.map(({ debian }) => debian))
}

/**
 * @param {readonly Browser[]} browsers
 * @param {string} why
 */
function whatToDo(browsers, why) {
  const titles = browsers.map(({ title }) => title).join(' and ')
  const variables = browsers.map(({ variable }) => variable).join(' and ')
  const packages = browsers.map(({ debian }) => debian).join(' ')
  const reason = why ? ` (apt: ${why})` : ''
  return `The tests in browsers need ${titles}${reason}. On Debian: sudo apt-get install ${packages}
Elsewhere install it as usual, and let ${variables} name the program if it is not on PATH.`
}
