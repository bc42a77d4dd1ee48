/** Many pictures, coloured one after another into one ZIP. */
import { downloadZip } from 'client-zip'
import type { Entry } from './album.ts'
import type { Engine } from './engine.ts'
import { distinctNames, extensionOf } from './files/save.ts'
import { TEXTS } from './texts.ts'
import type { Format } from './worker/methods.ts'

export interface BatchProgress {
  readonly done: number
  readonly all: number
  /** As far as it can be told; not finite before the first picture is done. */
  readonly secondsLeft: number
}

export interface BatchOptions {
  readonly format: Format
  readonly signal: AbortSignal
  onProgress(progress: BatchProgress): void
}

export interface BatchResult {
  readonly zip: Blob
  readonly count: number
  /** A sentence for each picture that could not be coloured. */
  readonly failures: readonly string[]
}

/** Throws what `signal` is raised with. */
export async function colourAll(
  engine: Engine,
  entries: readonly Entry[],
  { format, signal, onProgress }: BatchOptions,
): Promise<BatchResult> {
  const failures: string[] = []
  const nameOf = distinctNames()
  const begun = performance.now()
  let count = 0
  async function* files() {
    for (const [i, entry] of entries.entries()) {
      const secondsLeft = ((performance.now() - begun) / 1000 / i) * (entries.length - i)
      onProgress({ done: i, all: entries.length, secondsLeft })
      try {
        const input = await colourOne(engine, entry, format, signal)
        count++
        yield { name: nameOf(TEXTS.fileName(entry.name), extensionOf(input.type)), input }
      } catch (error) {
        if (signal.aborted) return // thrown here, Firefox tells of it as of an error that nobody caught
        failures.push(TEXTS.trouble(entry.file.name, (error as Error).message))
      }
    }
  }
  const zip = await downloadZip(files()).blob()
  signal.throwIfAborted()
  return { zip, count, failures }
}

async function colourOne(engine: Engine, entry: Entry, format: Format, signal: AbortSignal): Promise<Blob> {
  const { picture } = await engine.open(entry.file) // to its end, so that it can be closed
  try {
    signal.throwIfAborted()
    await engine.colour(picture, entry.hints.now, entry.version, signal)
    return await engine.encode(picture, entry.look, format, signal)
  } finally {
    await engine.close(picture)
  }
}
