/** What goes on, and what went wrong, in words. */
import { byId } from './elements.ts'

/** What tests and styles see of it. */
export type State = 'starting' | 'ready' | 'working' | 'done' | 'failed'

export function say(state: State, text: string): void {
  document.body.dataset.state = state
  byId('status').textContent = text
}

/** Tells of trouble until it is dismissed. */
export function report(sentence: string): void {
  const trouble = byId('trouble')
  trouble.hidden = false
  trouble.querySelector('p')!.textContent = sentence
}

export function dismiss(): void {
  byId('trouble').hidden = true
}

export function listenToDismissal(): void {
  byId('trouble').querySelector('button')!.addEventListener('click', dismiss)
}
