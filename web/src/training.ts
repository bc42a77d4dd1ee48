/** The training panel. */
import { make } from './elements.ts'
import type { Engine } from './engine.ts'
import { save } from './files/save.ts'
import { report } from './status.ts'
import { TEXTS } from './texts.ts'
import { drawCurve } from './training-curve.ts'
import { settingFields } from './training-settings.ts'
import type { Comparison, TrainingKept, TrainingNews } from './worker/methods.ts'

const NOTHING: TrainingKept = { hasWeights: false, step: null }
const IMAGE = /\.(jpe?g|png|webp|avif|gif|bmp)$/i

export class TrainingPanel {
  readonly #chosen = make('p', { id: 'train-chosen', className: 'soft' })
  readonly #fields = settingFields()
  readonly #start = make(
    'button',
    { id: 'train-start', type: 'button', className: 'main', disabled: true },
    TEXTS.trainStart,
  )
  readonly #stop = make('button', { id: 'train-stop', type: 'button', hidden: true }, TEXTS.trainStop)
  readonly #goOn = make('button', { id: 'train-go-on', type: 'button', hidden: true }, TEXTS.trainGoOn)
  readonly #save = make('button', { id: 'train-save', type: 'button', hidden: true }, TEXTS.trainSave)
  readonly #use = make('button', { id: 'train-use', type: 'button', hidden: true }, TEXTS.trainUse)
  readonly #text = make('p', { id: 'train-text' })
  readonly #curve = make('canvas', { id: 'train-curve', width: 1200, height: 360, hidden: true })
  readonly #score = make('p', { id: 'train-score', className: 'soft' })
  readonly #grid = make('ul', { id: 'train-grid' })
  #files: readonly File[] = []
  /** What the last training was done with that came to its end. */
  #trained: readonly File[] = []
  #kept = NOTHING
  /** Of each step. */
  #losses: number[] = []
  #abort: AbortController | null = null

  /** @param onTrained called with weights that are to colour from now on */
  constructor(
    section: HTMLElement,
    private readonly engine: Engine,
    onTrained: (weights: Blob) => void,
  ) {
    this.#text.setAttribute('role', 'status')
    this.#curve.setAttribute('role', 'img')
    section.append(
      make('h2', {}, TEXTS.trainTitle),
      make('p', { className: 'soft' }, TEXTS.trainWhat),
      this.#chooser(),
      this.#chosen,
      make('details', {}, make('summary', {}, TEXTS.trainSettings), this.#fields.element),
      make('p', { className: 'row' }, this.#start, this.#stop, this.#goOn, this.#save, this.#use),
      this.#text,
      this.#curve,
      this.#score,
      this.#grid,
    )
    this.#start.addEventListener('click', () => void this.#train(false))
    this.#goOn.addEventListener('click', () => void this.#train(true))
    this.#stop.addEventListener('click', () => {
      this.#text.textContent = TEXTS.trainStopping
      this.#abort?.abort()
    })
    this.#save.addEventListener('click', async () => save(await engine.trained(), TEXTS.weightsName))
    this.#use.addEventListener('click', async () => onTrained(await engine.trained()))
    addEventListener('beforeunload', (event) => {
      if (this.#abort) event.preventDefault()
    })
  }

  #chooser(): HTMLElement {
    const input = make('input', {
      id: 'train-folder',
      type: 'file',
      multiple: true,
      className: 'visually-hidden',
    })
    input.webkitdirectory = true
    input.addEventListener('change', () => this.#choose([...(input.files ?? [])]))
    const samples = make('button', { id: 'train-samples', type: 'button' }, TEXTS.trainSamples)
    samples.addEventListener('click', async () => {
      samples.disabled = true
      await fetchSamples().then(
        (files) => this.#choose(files),
        (error: Error) => report(error.message),
      )
      samples.disabled = false
    })
    const label = make('label', { className: 'button', htmlFor: input.id }, TEXTS.trainFolder)
    return make('p', { className: 'row' }, input, label, samples)
  }

  #choose(files: readonly File[]): void {
    this.#files = files.filter(({ name }) => IMAGE.test(name))
    const count = this.#files.length
    this.#chosen.textContent = count ? TEXTS.trainChosen(count) : TEXTS.trainNothing
    this.#start.disabled = count === 0
    this.#show(this.#abort !== null)
  }

  async #train(goOn: boolean): Promise<void> {
    this.#abort = new AbortController()
    this.#show(true)
    this.#text.textContent = TEXTS.trainPreparing
    const files = this.#files
    const done = goOn ? this.#kept.step! : 0
    try {
      const { step } = await this.engine.train(
        { files, goOn, ...this.#fields.read(done) },
        { signal: this.#abort.signal, onNews: (news) => this.#tell(news) },
      )
      this.#text.textContent = TEXTS.trainEnd(step)
      this.#trained = files
    } catch (error) {
      report((error as Error).message)
      this.#text.textContent = ''
    }
    this.#kept = await this.engine.kept().catch(() => NOTHING)
    this.#abort = null
    this.#show(false)
  }

  #show(isRunning: boolean): void {
    const { hasWeights, step } = this.#kept
    this.#start.hidden = isRunning
    this.#stop.hidden = !isRunning
    // with other pictures it would not go on
    this.#goOn.hidden = isRunning || step === null || this.#trained !== this.#files
    for (const button of [this.#save, this.#use]) button.hidden = isRunning || !hasWeights
  }

  #tell(news: TrainingNews): void {
    if (news.kind === 'undecodable') report(news.reason)
    else if (news.kind === 'validation') {
      this.#score.textContent = TEXTS.trainScore(news.step, news.abMse, news.grayMse)
      this.#grid.replaceChildren(...news.pictures.map(rowOf))
    } else {
      const { step, total, loss, secondsLeft } = news
      this.#losses.length = step - 1 // those of a training before this one, or of steps that were lost, no longer count
      this.#losses.push(loss)
      if (!this.#abort?.signal.aborted)
        this.#text.textContent = TEXTS.trainStep(step, total, loss, TEXTS.duration(secondsLeft))
      this.#curve.hidden = false
      this.#curve.ariaLabel = TEXTS.trainCurve(loss)
      drawCurve(this.#curve, this.#losses)
    }
  }
}

/** Grey, painted, original. */
function rowOf({ gray, ours, original }: Comparison, index: number): HTMLLIElement {
  const row = make('li', { ariaLabel: TEXTS.trainRow(index + 1) })
  for (const [i, pixels] of [gray, ours, original].entries()) {
    const canvas = make('canvas', {
      width: pixels.width,
      height: pixels.height,
      title: TEXTS.trainColumns[i]!,
    })
    canvas.getContext('2d')!.putImageData(pixels, 0, 0)
    row.append(canvas)
  }
  return row
}

/** The photographs in colour that come with the page. */
async function fetchSamples(): Promise<File[]> {
  const at = (name: string) => new URL(name, document.baseURI)
  const names: string[] = await (await fetch(at('samples/photos.json'))).json()
  return Promise.all(
    names.map(async (name) => new File([await (await fetch(at(name))).blob()], name.split('/').at(-1)!)),
  )
}
