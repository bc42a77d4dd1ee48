import { topClasses } from '../../src/model/classifier.ts'

/** Largest |ours − peer|, relative to the largest |peer|; infinite when any value is no finite number. */
export function relativeError(ours: Float32Array, peer: Float32Array): number {
  if (ours.length !== peer.length) throw new RangeError(`${ours.length} values against ${peer.length}`)
  let [difference, largest] = [0, 0]
  for (let i = 0; i < peer.length; i++) {
    const apart = Math.abs(ours[i]! - peer[i]!)
    if (!Number.isFinite(apart)) return Number.POSITIVE_INFINITY
    difference = Math.max(difference, apart)
    largest = Math.max(largest, Math.abs(peer[i]!))
  }
  return difference === 0 ? 0 : difference / largest
}

/** Of two consecutive losses each: by how much the steps between them differ, relative to the peer's. */
export function stepError(ours: Float32Array, peer: Float32Array): number {
  const [step, wanted] = [ours[1]! - ours[0]!, peer[1]! - peer[0]!]
  return Math.abs(step - wanted) / Math.abs(wanted)
}

/** Whether the five largest of both are the same, in the same order. */
export function sameTop5(ours: Float32Array, peer: Float32Array): boolean {
  const order = (values: Float32Array) => topClasses(values).map(({ index }) => index)
  return order(ours).join() === order(peer).join()
}
