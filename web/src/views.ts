/** What the page shows: the start, the picture, the training, and what is said about it all. */
import { byId } from './elements.ts'
import type { Engine } from './engine.ts'
import { report } from './status.ts'

export type View = 'welcome' | 'work' | 'training'

/** Where "Colour" leads back to. */
let colouring: View = 'welcome'

export function show(view: View): void {
  if (view !== 'training') colouring = view
  document.body.dataset.view = view
  byId('show-colour').setAttribute('aria-pressed', String(view !== 'training'))
  byId('show-train').setAttribute('aria-pressed', String(view === 'training'))
}

/** @param onTrained called with weights that are to colour from now on */
export function listenToViews(engine: Engine, onTrained: (weights: Blob) => void): void {
  const about = byId<HTMLDialogElement>('about')
  byId('show-about').addEventListener('click', () => about.showModal())
  byId('show-colour').addEventListener('click', () => show(colouring))
  byId('show-train').addEventListener('click', async () => {
    show('training')
    try {
      const { TrainingPanel } = await import('./training.ts')
      const section = byId('training')
      if (section.hasChildNodes()) return
      new TrainingPanel(section, engine, (weights) => {
        show(colouring)
        onTrained(weights)
      })
    } catch (error) {
      report((error as Error).message)
    }
  })
  show('welcome')
}
