import { arenaOf } from '../../autograd/arena.ts'
import { elems } from '../../kernels/op.ts'
import { type Layout, type WeightSpec, weight } from '../arena.ts'
import { glorotLimit } from '../initial.ts'
import type { TrunkWeight } from '../trunk.ts'
import type { Layers } from './layers.ts'

/** The linear maps of what the whole picture shows, which the fusion layer adds to every pixel. */
export const GLOBAL_MAPS = { mean: 'fusion.mean.weight', classes: 'fusion.classes.weight' } as const
export const HEAD = { weight: 'head.weight', bias: 'head.bias' } as const

/** Weights that are zero before any step: so training starts from one colour for all, whatever is in the picture. */
const ZERO: readonly string[] = [HEAD.weight, GLOBAL_MAPS.mean, GLOBAL_MAPS.classes]

/** @param own the trunk's weights that are trained: they lie behind all others */
export function layoutOf(
  { hints, laterals, fusion, decoder, head }: Layers,
  classes: number,
  own: readonly TrunkWeight[] = [],
): Layout {
  const blocks = [...hints, ...laterals, fusion, ...decoder]
  const convolution = (name: string, kernel: number, inputs: number, outputs: number): WeightSpec =>
    weight(name, [kernel, kernel, inputs, outputs], [outputs, inputs, kernel, kernel])
  const parameters = blocks.flatMap(({ name, inputs, outputs, kernel }) => [
    convolution(`${name}.weight`, kernel, inputs, outputs),
    ...['gamma', 'beta'].map((part) => weight(`${name}.${part}`, [outputs])),
  ])
  const whole = [
    convolution(GLOBAL_MAPS.mean, 1, fusion.inputs, fusion.outputs),
    convolution(GLOBAL_MAPS.classes, 1, classes, fusion.outputs),
    convolution(HEAD.weight, 1, head.inputs, head.outputs),
    weight(HEAD.bias, [head.outputs]),
  ]
  const statistics = blocks.flatMap(({ name, outputs }) =>
    ['mean', 'var'].map((part) => weight(`${name}.${part}`, [outputs])),
  )
  const tuned = own.map(({ name, shape }) => {
    const [R, S, C, K] = shape
    return weight(name, shape, shape.length === 4 ? [K!, C!, R!, S!] : shape)
  })
  return { parameters: arenaOf([...parameters, ...whole, ...tuned]), statistics: arenaOf(statistics) }
}

/**
 * Initial weights: uniform by `glorotLimit`, gamma 1, beta and bias 0, and zero for the last layer and the maps of the
 * whole picture. The trunk's own begin as they are there.
 * @param uniform a number in [0, 1) for the i-th element of the arena
 */
export function initialParameters(
  { parameters }: Layout,
  uniform: (index: number) => number,
  own: readonly TrunkWeight[] = [],
): Float32Array {
  const flat = new Float32Array(parameters.length)
  const known = new Map(own.map(({ name, data }) => [name, data]))
  for (const tensor of parameters.tensors) {
    const { name, shape, offset } = tensor
    const end = offset + elems(tensor)
    const pretrained = known.get(name)
    if (pretrained) flat.set(pretrained, offset)
    if (name.endsWith('.gamma')) flat.fill(1, offset, end)
    if (pretrained || !name.endsWith('.weight') || ZERO.includes(name)) continue
    const limit = glorotLimit(shape)
    for (let i = offset; i < end; i++) flat[i] = (2 * uniform(i) - 1) * limit
  }
  return flat
}
