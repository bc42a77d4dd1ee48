import { arenaOf } from '../../autograd/arena.ts'
import { product } from '../../numbers.ts'
import { type Layout, weight } from '../arena.ts'
import { glorotLimit } from '../initial.ts'
import { type Architecture, allLayers, layersOf } from './layers.ts'

export function layoutOf(architecture: Architecture): Layout {
  const layers = allLayers(layersOf(architecture))
  const parameters = layers.flatMap(({ name, inputs, outputs, kernel, norm }) => [
    weight(`${name}.weight`, [kernel, kernel, inputs, outputs], [outputs, inputs, kernel, kernel]),
    weight(`${name}.bias`, [outputs]),
    ...(norm ? [weight(`${norm}.gamma`, [outputs]), weight(`${norm}.beta`, [outputs])] : []),
  ])
  const statistics = layers.flatMap(({ outputs, norm }) =>
    norm ? [weight(`${norm}.mean`, [outputs]), weight(`${norm}.var`, [outputs])] : [],
  )
  return { parameters: arenaOf(parameters), statistics: arenaOf(statistics) }
}

/**
 * Initial weights: uniform by `glorotLimit`, biases 0, gamma 1, beta 0. The last layer
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
    const size = product(shape)
    if (name.endsWith('.gamma')) flat.fill(1, offset, offset + size)
    if (!name.endsWith('.weight') || name === 'decoder.conv5.weight') continue
    const [, , C, K] = shape as [number, number, number, number]
    const limit = glorotLimit(shape)
    const random = name === 'fusion.conv.weight' ? (C - architecture.classes) * K : size
    for (let i = offset; i < offset + random; i++) flat[i] = (2 * uniform(i) - 1) * limit
  }
  return flat
}
