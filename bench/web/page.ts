/** How long people wait on the page, measured in the page itself. */
import { median } from '../../src/numbers.ts'
import type { BrowserName, Opened } from '../../test/browser/browser.ts'
import { openBrowser } from '../../test/browser/browser.ts'
import { Visit } from '../../test/browser/visit.ts'

const SAMPLE = 'nagasaki-boats.jpg'
const MOVES = 20

/** Milliseconds. */
export interface PageTimes {
  /** From navigation to the first sample in colours, the sample chosen as soon as it is there. */
  readonly cold: number
  /** The same when the page is visited again. */
  readonly warm: number
  /** A picture of a size that was coloured before. */
  readonly picture: number
  /** The longest that a slider's move keeps the page from anything else, with 12 megapixels. */
  readonly frame: number
}

/**
 * @param large the path of a picture of 12 megapixels
 * @param runs later visits, and pictures in them, of which the medians are taken
 */
export async function measurePage(
  name: BrowserName,
  {
    url,
    large,
    runs,
    onProgress,
  }: {
    readonly url: string
    readonly large: string
    readonly runs: number
    onProgress(what: string): void
  },
): Promise<PageTimes> {
  const opened = await openBrowser(name)
  try {
    onProgress('first visit')
    const { visit: first, milliseconds: cold } = await firstColours(opened, url)
    await first.page.evaluate(async () => void (await navigator.serviceWorker?.ready))
    await first.close()
    const [warm, pictures]: [number[], number[]] = [[], []]
    for (let run = 1; run <= runs; run++) {
      onProgress(`later visit ${run} of ${runs}`)
      const { visit, milliseconds } = await firstColours(opened, url)
      warm.push(milliseconds)
      pictures.push(await again(visit))
      await visit.close()
    }
    onProgress('a slider with 12 megapixels')
    const visit = await Visit.of(opened, url, keepNames)
    await visit.colour(large)
    const frame = await visit.page.evaluate(longestMove, MOVES)
    return { cold, warm: median(warm), picture: median(pictures), frame }
  } finally {
    await opened.close()
  }
}

/** What `clickFirst` notes. */
interface Noted {
  readonly firstColours: number
}

async function firstColours(opened: Opened, url: string) {
  const visit = await Visit.of(opened, url, keepNames, clickFirst)
  await visit.coloured(SAMPLE)
  const milliseconds = await visit.page.evaluate(() => (window as unknown as Noted).firstColours)
  return { visit, milliseconds }
}

/** tsx, in which this runs, has functions say their names by a helper, which pages have not. This one must have no name. */
function keepNames(): void {
  Object.assign(globalThis, Object.fromEntries([['__name', (value: unknown) => value]]))
}

/** Runs before the page's scripts: chooses the first sample once it is there, and notes when it has its colours. */
function clickFirst(): void {
  let isChosen = false
  const look = () => {
    if (!isChosen) {
      const button = document.querySelector<HTMLButtonElement>('#samples button')
      button?.click()
      isChosen = button !== null
    }
    if (document.body?.dataset.state === 'done') Object.assign(window, { firstColours: performance.now() })
    else setTimeout(look, 5)
  }
  look()
}

/** Chooses the first sample again. */
function again({ page }: Visit): Promise<number> {
  return page.evaluate(async () => {
    const started = performance.now()
    document.querySelector<HTMLButtonElement>('#samples button')!.click()
    const pause = () => new Promise((resolve) => setTimeout(resolve, 5))
    while (document.body.dataset.state === 'done') await pause() // it is being fetched
    while (document.body.dataset.state !== 'done') await pause()
    return performance.now() - started
  })
}

/** Moves the slider, and measures the longest time for which nothing else ran in the page. */
async function longestMove(moves: number): Promise<number> {
  const slider = document.getElementById('saturation') as HTMLInputElement
  let [longest, last, isOver] = [0, performance.now(), false]
  const { port1, port2 } = new MessageChannel() // timers are slowed down when they follow each other
  port1.onmessage = () => {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
    if (!isOver) port2.postMessage(null)
  }
  port2.postMessage(null)
  for (let move = 0; move < moves; move++) {
    slider.value = String(0.5 + move / moves)
    slider.dispatchEvent(new Event('input', { bubbles: true }))
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  isOver = true
  return longest
}
