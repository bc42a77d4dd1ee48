import type { Hint, PossibleColour } from '../../src/web/index.ts'
import type { Look, Version } from './look.ts'
import { Caller } from './worker/calls.ts'
import type {
  Format,
  Loading,
  Opened,
  PageMethods,
  Seen,
  Started,
  TrainingEnd,
  TrainingKept,
  TrainingNews,
  TrainingWish,
  Wanted,
} from './worker/methods.ts'
import type { View } from './worker/recombine.ts'
import workerUrl from './worker/worker.ts?worker&url'

/**
 * The address of a worker that is held to the page's Content-Security-Policy. One made of a blob is; one that comes from an
 * address is held to what the answer says, which the service worker sees to. Where there is one it has to be that: Firefox
 * does not ask it for what a blob imports, so that nothing would come without a network.
 */
function withPolicy(address: string): string {
  if (navigator.serviceWorker?.controller) return address
  return URL.createObjectURL(new Blob([`import ${JSON.stringify(address)}`], { type: 'text/javascript' }))
}

/** The worker, as the page sees it. */
export class Engine {
  readonly #caller: Caller<PageMethods>
  #wanted: Wanted = { weights: 'lite' }

  constructor() {
    const address = new URL(workerUrl, import.meta.url).href
    this.#caller = new Caller(new Worker(withPolicy(address), { type: 'module' }))
  }

  /** Loads weights in place of those that are there. Throws a `WorkerError`, as all methods. */
  start(wanted: Wanted, onProgress: (loading: Loading) => void): Promise<Started> {
    this.#wanted = wanted
    return this.#caller.call('start', wanted, { onProgress })
  }

  networks(): Promise<readonly string[]> {
    return this.#caller.call('networks', null)
  }

  open(file: Blob): Promise<Opened> {
    return this.#caller.call('open', { file })
  }

  colour(picture: number, hints: readonly Hint[], version: Version, signal?: AbortSignal): Promise<Seen> {
    return this.#caller.call('colour', { picture, hints, version }, { signal })
  }

  async original(picture: number, view: View): Promise<ImageData> {
    const { data } = await this.#caller.call('original', { picture, view })
    return new ImageData(data, view.width, view.height)
  }

  async coloured(picture: number, view: View, look: Look): Promise<ImageData> {
    const { data } = await this.#caller.call('coloured', { picture, view, look })
    return new ImageData(data, view.width, view.height)
  }

  likely(
    picture: number,
    place: { readonly x: number; readonly y: number },
    hints: readonly Hint[],
  ): Promise<readonly PossibleColour[]> {
    return this.#caller.call('likely', { picture, ...place, hints })
  }

  encode(picture: number, look: Look, format: Format, signal?: AbortSignal): Promise<Blob> {
    return this.#caller.call('encode', { picture, look, format }, { signal })
  }

  /** Trains until it is done or `signal` is raised, and tells how far it came. */
  train(
    wish: Omit<TrainingWish, 'weights'>,
    { signal, onNews }: { readonly signal: AbortSignal; readonly onNews: (news: TrainingNews) => void },
  ): Promise<TrainingEnd> {
    const wanted = { ...wish, weights: this.#wanted }
    return this.#caller.call('train', wanted, { signal, waits: true, onProgress: onNews })
  }

  kept(): Promise<TrainingKept> {
    return this.#caller.call('kept', null)
  }

  trained(): Promise<Blob> {
    return this.#caller.call('trained', null)
  }

  close(picture: number): Promise<undefined> {
    return this.#caller.call('close', { picture })
  }
}
