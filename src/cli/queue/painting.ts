/** What a worker colours with, opened when it is first needed and anew after trouble. */
import { createHash } from 'node:crypto'
import { UserError } from '../../errors.ts'
import { adapterSummary } from '../../node/dawn.ts'
import { formatOfName } from '../../node/formats/kinds.ts'
import { colorizeInMemory } from '../../node/formats/large.ts'
import { precisionOn } from '../../node/store/tuning.ts'
import type { Paint } from '../../queue/picture.ts'
import { advised } from '../advice.ts'
import { sourceDigest } from '../colouring/plan.ts'
import { LatePainter, type Setup } from '../colouring/setup.ts'
import type { Call } from '../commands/command.ts'
import { askedPrecision } from '../commands/precision.ts'

export class QueuePainter {
  #late: LatePainter

  /** @param call with the options that decide about pictures */
  constructor(
    private readonly call: Call,
    private readonly setup: Setup,
  ) {
    this.#late = new LatePainter(call, setup)
  }

  readonly paint: Paint = async (bytes, name, output, variant) => {
    const { painter, file } = await this.#late.open()
    const source = sourceDigest(createHash('sha256').update(bytes).digest('hex'))
    const { seed } = this.setup.variants ?? {}
    const isDrawn = seed !== undefined && variant !== undefined
    const drawn = isDrawn ? { seed, variant } : {}
    const making = file.making && { ...file.making, settings: { ...file.making.settings, ...drawn, source } }
    const leaning = { ...file.leaning, ...(isDrawn ? { variant: { seed, number: variant - 1 } } : {}) }
    const options = { ...file, leaning, making, format: file.format ?? formatOfName(output) }
    const coloured = await colorizeInMemory(painter, bytes, name, options).catch((error) => {
      if (!(error instanceof UserError)) throw error
      throw new UserError(advised(error), error.trouble, { cause: error.cause })
    })
    if ('skipped' in coloured) return coloured
    const { parts, width, height, classes, remarks } = coloured
    return { parts, width, height, classes, remarks }
  }

  /** Opens the GPU and says which it is: in a word, and with all that decides about rounding. */
  async adapter(): Promise<{ name: string; rounding: string }> {
    await this.#late.open()
    const gpu = this.#late.gpu!
    const { name, driver } = adapterSummary(gpu)
    const tuned = JSON.stringify([...gpu.traits.choices])
    const choices = createHash('sha256').update(tuned).digest('hex').slice(0, 8)
    const precision = precisionOn(gpu, askedPrecision(this.call.flags))
    return { name, rounding: `${name}, ${driver}, ${precision}, kernels ${choices}` }
  }

  /** Lets go of what may be broken. */
  reset(): void {
    this.#late.close()
    this.#late = new LatePainter(this.call, this.setup)
  }

  close(): void {
    this.#late.close()
  }
}
