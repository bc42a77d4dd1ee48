/** The fusion layer's weights for the class vector, in weights that are passed on. */
import type { NamedTensor } from './arena.ts'
import type { ClassInfluence } from './network.ts'

/**
 * Averages the rows over neighbouring classes and weakens them. Neighbours in ImageNet's order are kin (it is WordNet's),
 * and what they have in common holds for pictures never seen better than what each has alone.
 * @param fusion [K, images + classes, 1, 1], the class vector last
 */
export function adjustClassRows(
  fusion: NamedTensor,
  classes: number,
  { strength, smoothing }: ClassInfluence,
): void {
  smoothClasses(fusion, classes, smoothing)
  weakenClasses(fusion, classes, strength)
}

/** The last `classes` inputs of the fusion layer, [K, images + classes, 1, 1], are the class vector. */
function weakenClasses({ shape, data }: NamedTensor, classes: number, factor: number): void {
  const inputs = shape[1]!
  for (let i = 0; i < data.length; i++) if (i % inputs >= inputs - classes) data[i]! *= factor
}

/** Means over neighbouring classes by a Gaussian cut at 3σ; at either end over those that there are. */
function smoothClasses({ shape, data }: NamedTensor, classes: number, sigma: number): void {
  if (!sigma) return
  const inputs = shape[1]!
  const reach = Math.ceil(3 * sigma)
  for (let end = inputs; end <= data.length; end += inputs) {
    const row = data.slice(end - classes, end)
    for (let c = 0; c < classes; c++) {
      let [sum, whole] = [0, 0]
      for (let j = Math.max(0, c - reach); j <= Math.min(classes - 1, c + reach); j++) {
        const weight = Math.exp(-(((j - c) / sigma) ** 2) / 2)
        sum += weight * row[j]!
        whole += weight
      }
      data[end - classes + c] = sum / whole
    }
  }
}
