/** The fields of a training's settings. */
import { make } from './elements.ts'
import { TEXTS } from './texts.ts'
import type { TrainingWish } from './worker/methods.ts'

/** Steps over which the learning rate rises. */
const WARMUP = 10

const FIELDS = {
  steps: { label: TEXTS.steps, value: 200, min: 1, max: 100_000, step: 1 },
  batch: { label: TEXTS.batchSize, value: 8, min: 1, max: 256, step: 1 },
  size: { label: TEXTS.side, value: 96, min: 32, max: 512, step: 32 },
  learningRate: { label: TEXTS.rate, value: 0.0003, min: 0.000001, max: 0.1, step: 'any' },
  seed: { label: TEXTS.seed, value: 0, min: 0, max: 4_294_967_295, step: 1 },
  validateEvery: { label: TEXTS.every, value: 20, min: 1, max: 100_000, step: 1 },
} as const
type Name = keyof typeof FIELDS

/** The fields, and what stands in them. */
export interface SettingFields {
  readonly element: HTMLElement
  /** @param done steps that were taken before, which are gone on from */
  read(done: number): Pick<TrainingWish, 'settings' | 'steps' | 'validateEvery'>
}

export function settingFields(): SettingFields {
  const inputs = {} as Record<Name, HTMLInputElement>
  // Chromium tells its maker's server of all fields to fill in, also of those with autocomplete="off", but not of a search's
  const element = make('form', { className: 'fields', action: 'search' })
  for (const name of Object.keys(FIELDS) as Name[]) {
    const { label, value, min, max, step } = FIELDS[name]
    const input = make('input', { id: `train-${name}`, type: 'number', required: true })
    Object.assign(input, { min: String(min), max: String(max), step: String(step), value: String(value) })
    inputs[name] = input
    element.append(make('label', { htmlFor: input.id }, label), input)
  }
  return {
    element,
    read(done) {
      // what cannot be, as an empty field, becomes what is usual
      const number = (name: Name) =>
        inputs[name].validity.valid ? inputs[name].valueAsNumber : FIELDS[name].value
      const [steps, validateEvery, batch] = [number('steps'), number('validateEvery'), number('batch')]
      const settings = { batch, size: number('size'), learningRate: number('learningRate') }
      return {
        ...{ steps: done + steps, validateEvery },
        settings: { ...settings, seed: number('seed'), warmup: WARMUP },
      }
    },
  }
}
