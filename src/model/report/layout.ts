import { ArenaBuilder, type Layout } from '../arena.ts'
import { type Architecture, allLayers, layersOf } from './layers.ts'

export function layoutOf(architecture: Architecture): Layout {
  const parameters = new ArenaBuilder()
  const statistics = new ArenaBuilder()
  for (const { name, inputs, outputs, kernel, norm } of allLayers(layersOf(architecture))) {
    parameters.add(`${name}.weight`, [kernel, kernel, inputs, outputs], [outputs, inputs, kernel, kernel])
    parameters.add(`${name}.bias`, [outputs])
    if (!norm) continue
    parameters.add(`${norm}.gamma`, [outputs])
    parameters.add(`${norm}.beta`, [outputs])
    statistics.add(`${norm}.mean`, [outputs])
    statistics.add(`${norm}.var`, [outputs])
  }
  return { parameters, statistics }
}

/**
 * Initial weights: Glorot uniform (Glorot and Bengio 2010, equation 16), biases 0, gamma 1, beta 0. The last layer
 * starts at zero, so that training starts from the grey picture, and so do the rows of the fusion layer that meet the class
 * vector: a thousand random rows would be noise until each class has been seen often.
 * @param uniform a number in [0, 1) for the i-th element of the arena
 */
export function initialParameters(
  architecture: Architecture,
  uniform: (index: number) => number,
): Float32Array {
  const arena = layoutOf(architecture).parameters
  const flat = new Float32Array(arena.length)
  for (const { name, shape, offset } of arena.tensors) {
    const size = shape.reduce((a, b) => a * b, 1)
    if (name.endsWith('.gamma')) flat.fill(1, offset, offset + size)
    if (!name.endsWith('.weight') || name === 'decoder.conv5.weight') continue
    const [R, S, C, K] = shape as [number, number, number, number]
    const limit = Math.sqrt(6 / (R * S * (C + K)))
    const random = name === 'fusion.conv.weight' ? (C - architecture.classes) * K : size
    for (let i = offset; i < offset + random; i++) flat[i] = (2 * uniform(i) - 1) * limit
  }
  return flat
}
