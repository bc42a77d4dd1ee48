/** The little of these packages' interfaces that is used here: they are not installed where the types are checked. */

declare module 'puppeteer-core' {
  export interface Handle {
    uploadFile(...paths: string[]): Promise<void>
    click(): Promise<void>
  }
  export interface Worker {
    evaluate<Result>(run: () => Result): Promise<Awaited<Result>>
  }
  export interface Dialog {
    type(): 'alert' | 'beforeunload' | 'confirm' | 'prompt'
    dismiss(): Promise<void>
  }
  export interface Page {
    evaluate<Args extends readonly unknown[], Result>(
      run: ((...args: Args) => Result) | string,
      ...args: Args
    ): Promise<Awaited<Result>>
    evaluateOnNewDocument<Args extends readonly unknown[]>(
      run: (...args: Args) => unknown,
      ...args: Args
    ): Promise<unknown>
    waitForFunction<Args extends readonly unknown[], Result>(
      run: (...args: Args) => Result,
      options?: { timeout?: number; polling?: number },
      ...args: Args
    ): Promise<{ jsonValue(): Promise<Result> }>
    waitForSelector(
      selector: string,
      options?: { timeout?: number; visible?: boolean },
    ): Promise<Handle | null>
    $(selector: string): Promise<Handle | null>
    goto(url: string): Promise<unknown>
    reload(): Promise<unknown>
    screenshot(options?: { path?: `${string}.png`; fullPage?: boolean }): Promise<Uint8Array>
    setViewport(size: { width: number; height: number }): Promise<void>
    setDefaultTimeout(milliseconds: number): void
    on(event: 'pageerror', listener: (error: unknown) => void): void
    on(event: 'console', listener: (message: { type(): string; text(): string }) => void): void
    once(event: 'dialog', listener: (dialog: Dialog) => void): void
    once(event: 'close', listener: () => void): void
    /** Of pages in Chromium. */
    workers(): readonly Worker[]
    readonly keyboard: {
      press(key: string): Promise<void>
      type(text: string): Promise<void>
      down(key: string): Promise<void>
      up(key: string): Promise<void>
    }
    readonly mouse: {
      click(x: number, y: number): Promise<void>
      move(x: number, y: number): Promise<void>
      down(): Promise<void>
      up(): Promise<void>
    }
    close(options?: { runBeforeUnload?: boolean }): Promise<void>
  }
  export interface Browser {
    newPage(): Promise<Page>
    version(): Promise<string>
    close(): Promise<void>
  }
  export interface LaunchOptions {
    browser: 'chrome' | 'firefox'
    executablePath?: string
    args?: readonly string[]
    extraPrefsFirefox?: Readonly<Record<string, string | number | boolean>>
    protocolTimeout?: number
    downloadBehavior?: { policy: 'allow'; downloadPath: string }
  }
  const puppeteer: { launch(options: LaunchOptions): Promise<Browser> }
  export default puppeteer
}

declare module 'esbuild' {
  export function build(options: {
    entryPoints: readonly string[]
    bundle: boolean
    format: 'esm'
    write: false
    target: string
  }): Promise<{ readonly outputFiles: readonly { readonly text: string }[] }>
}

declare module 'fflate' {
  export function unzipSync(zip: Uint8Array): Record<string, Uint8Array>
}
