import type { Photo } from '../color/photo.ts'
import type { Classifier } from '../infer/classifier.ts'
import { Turns } from '../turns.ts'
import type { ClassVectors } from './batches.ts'

/** Vectors that are remembered: 4 kB each. Of larger sets they are computed in every epoch; records keep theirs. */
const REMEMBERED = 50_000
/** Photographs decoded at the same time. */
const LANES = 4

/** The class vectors of photographs by their paths, each computed when it is first asked for. */
export class PhotoClassVectors implements ClassVectors {
  readonly #known = new Map<string, Promise<Float32Array>>()
  readonly #lanes = Array.from({ length: LANES }, () => new Turns())
  #asked = 0

  constructor(
    private readonly classifier: Classifier,
    private readonly read: (path: string) => Promise<Photo>,
  ) {}

  /** Throws what reading the photograph throws. */
  of(path: string): Promise<Float32Array> {
    const known = this.#known.get(path)
    if (known) return known
    const vector = this.#lanes[this.#asked++ % LANES]!.take(() => this.#compute(path))
    this.#known.set(path, vector)
    if (this.#known.size > REMEMBERED) this.#known.delete(this.#known.keys().next().value!)
    return vector
  }

  async #compute(path: string): Promise<Float32Array> {
    const [vector] = await this.classifier.classify([await this.read(path)])
    return vector!
  }
}
