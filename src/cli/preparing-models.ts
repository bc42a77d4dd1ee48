/** What `prepare` and the workers of `queue prepare` compute with. */
import type { Classifier } from '../infer/classifier.ts'
import { openTapMaker } from '../infer/tap-maker.ts'
import { CLASSIFIER_BATCH, type PrepareOptions } from '../node/data/prepare.ts'
import { type ChosenClassifier, loadClassifier } from '../node/store/classifiers.ts'
import { openAdapter } from './commands/adapter.ts'
import type { Call } from './commands/command.ts'
import type { WantedTaps } from './commands/taps.ts'

export interface PreparingModels {
  /** As people know the GPU. */
  readonly adapter: string
  /** Options of `prepareRecords`. */
  readonly models: Pick<PrepareOptions, 'classifiers' | 'taps'>
  close(): void
}

/** Loads classifiers and trunk onto the GPU; where none are wanted no GPU is needed. */
export async function openModels(
  call: Call,
  chosen: readonly ChosenClassifier[],
  taps: WantedTaps | null,
): Promise<PreparingModels> {
  if (!chosen.length && !taps) return { adapter: 'processor cores alone', models: {}, close: () => {} }
  const gpu = await openAdapter(call)
  const close = () => gpu.destroy()
  try {
    const classifiers: Classifier[] = []
    for (const { file, origin } of chosen)
      classifiers.push(await loadClassifier(gpu, file, { fit: origin.fit, batch: CLASSIFIER_BATCH }))
    if (!taps) return { adapter: gpu.adapterName, models: { classifiers }, close }
    const { trunk, size, views } = taps
    const maker = await openTapMaker(gpu, trunk, { size, batch: CLASSIFIER_BATCH })
    return { adapter: gpu.adapterName, models: { classifiers, taps: { maker, views } }, close }
  } catch (error) {
    close()
    throw error
  }
}
