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

export function listenToViews(engine: Engine): void {
  const about = byId<HTMLDialogElement>('about')
  byId('show-about').addEventListener('click', () => about.showModal())
  byId('show-colour').addEventListener('click', () => show(colouring))
  byId('show-train').addEventListener('click', async () => {
    show('training')
    try {
      const { openTraining } = await import('./training.ts')
      openTraining(byId('training'), engine)
    } catch (error) {
      report((error as Error).message)
    }
  })
  show('welcome')
}
