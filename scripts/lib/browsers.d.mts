/** For the tests, which are TypeScript: see browsers.mjs. */
export function findBrowser(name: 'chromium' | 'firefox', env?: NodeJS.ProcessEnv): string | null
export function ensureBrowsers(): void
