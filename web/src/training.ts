/** The training panel. */
import type { Engine } from './engine.ts'

export function openTraining(_section: HTMLElement, _engine: Engine): void {}
