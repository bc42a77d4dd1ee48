/** Photographs into jobs of about the same work. */
import type { Picture } from './jobs.ts'

/** A scan of usual size, which counts as one photograph. */
const USUAL_BYTES = 2 * 2 ** 20
/** However small, a photograph takes a pass of the network. */
const LEAST_WORK = 0.25

/** In photographs of usual size: the bytes stand for the pixels, which a look into each file would cost too much for. */
const workOf = ({ size }: Pick<Picture, 'size'>) => Math.max(LEAST_WORK, size / USUAL_BYTES)

/** Collects pictures, in their order, until they are a job's work. */
export class Packer {
  #pictures: Picture[] = []
  #work = 0

  /** @param chunk work of a job, in photographs of usual size */
  constructor(private readonly chunk: number) {}

  /** The pictures of a job that is full with this one; null while it is not. */
  add(picture: Picture): readonly Picture[] | null {
    this.#pictures.push(picture)
    this.#work += workOf(picture)
    return this.#work >= this.chunk ? this.finish() : null
  }

  /** What was collected, which may be nothing. */
  finish(): readonly Picture[] {
    const pictures = this.#pictures
    this.#pictures = []
    this.#work = 0
    return pictures
  }
}
