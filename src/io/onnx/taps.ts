/** Where a classifier can be read in between. Found by what its nodes do, whatever they are called. */
import { UserError } from '../../errors.ts'
import { TAP_STRIDES } from '../../model/trunk.ts'
import type { OnnxModel, OnnxNode } from './model.ts'

/** Operators whose windows move in steps, which multiply the stride. */
const WINDOWS = ['Conv', 'MaxPool', 'AveragePool']

/** What a tap may be the result of. A block of several branches ends with the concatenation of their activations. */
const ACTIVATIONS = ['Relu', 'LeakyRelu', 'Clip', 'Sigmoid', 'Tanh', 'Concat']

/** Operators that keep the stride of what they read. */
const KEEPING = [
  ...ACTIVATIONS,
  ...['Add', 'Sub', 'Mul', 'Div', 'Neg', 'BatchNormalization', 'Pad', 'Dropout', 'Identity', 'Cast'],
]

/** Layers with weights. On a picture of one pixel, a convolution is a linear layer, too. */
const LINEAR = ['Gemm', 'MatMul', 'Conv']

/**
 * The names of the taps, in the order of `TAP_STRIDES`: of each stride the last activation that everything behind it is
 * computed from. An activation inside a branch is none, since the other branches pass it by.
 * @throws UserError about weights when there is none of a stride
 */
export function findTaps(model: OnnxModel): string[] {
  const found = lastActivations(model)
  const taps = TAP_STRIDES.flatMap((stride) => found.get(stride) ?? [])
  if (taps.length === TAP_STRIDES.length) return taps
  const missing = TAP_STRIDES.filter((stride) => !found.has(stride)).map((stride) => `1⁄${stride}`)
  throw new UserError(
    `${model.path} has no layers that a colouriser could look through: it needs activations at 1⁄4, 1⁄8, 1⁄16 and ` +
      `1⁄32 of the picture's size, and there are none at ${missing.join(', ')}`,
    'weights',
  )
}

/**
 * The name of a classifier's features: what its last layer with weights reads to tell the classes apart.
 * @throws UserError about weights when it has no such layer
 */
export function findFeatures(model: OnnxModel): string {
  const nodes = neededNodes(model, [model.outputs[0]?.name ?? ''])
  const last = nodes.findLast(({ op }) => LINEAR.includes(op))
  if (last) return last.inputs[0]!
  throw new UserError(`${model.path} has no features: no layer with weights leads to its output`, 'weights')
}

/** Up to the values called `names`, which become its outputs, and for pictures of any size. */
export function cutAt(model: OnnxModel, names: readonly string[]): OnnxModel {
  return {
    ...model,
    nodes: neededNodes(model, names),
    inputs: model.inputs.map((input) => ({ ...input, shape: null })),
    outputs: names.map((name) => ({ name, dtype: 'float32', typeName: 'float', shape: null })),
  }
}

/** By its stride, the last activation that all later nodes depend on through nothing else. */
function lastActivations(model: OnnxModel): Map<number, string> {
  const [input, output] = [model.inputs[0]!.name, model.outputs[0]!.name]
  const nodes = neededNodes(model, [output]).filter(({ op }) => op !== 'Shape') // what they give is known at import
  const readsLeft = new Map([[output, 1]])
  for (const name of nodes.flatMap(({ inputs }) => inputs))
    readsLeft.set(name, (readsLeft.get(name) ?? 0) + 1)
  const strides = new Map([[input, 1]])
  /** Images that are still to be read. */
  const open = new Set([input])
  const last = new Map<number, string>()
  for (const node of nodes) {
    const stride = strideOf(node, strides, input)
    for (const name of node.inputs) {
      readsLeft.set(name, readsLeft.get(name)! - 1)
      if (readsLeft.get(name) === 0) open.delete(name)
    }
    if (stride === null) continue
    for (const name of node.outputs) {
      strides.set(name, stride)
      if (readsLeft.has(name)) open.add(name)
    }
    const [result] = node.outputs
    const isAlone = open.size === 1 && open.has(result!)
    if (isAlone && ACTIVATIONS.includes(node.op)) last.set(stride, result!)
  }
  return last
}

/** Pixels from one element of the node's result to the next; null when the result is no image. */
function strideOf(node: OnnxNode, strides: ReadonlyMap<string, number>, picture: string): number | null {
  const read = node.inputs.flatMap((name) => strides.get(name) ?? [])
  if (read.length === 0) return null
  if (WINDOWS.includes(node.op)) {
    const attribute = node.attributes.get('strides')
    const [down, across] = attribute?.kind === 'ints' ? attribute.value : [1, 1]
    return down === across ? read[0]! * down! : null
  }
  // some models take pictures with the channels last, and begin by turning them
  const turnsPicture = node.op === 'Transpose' && node.inputs[0] === picture
  return turnsPicture || KEEPING.includes(node.op) ? Math.max(...read) : null
}

/** The nodes that some values are computed by. */
function neededNodes({ nodes }: OnnxModel, names: readonly string[]): OnnxNode[] {
  const wanted = new Set(names)
  const needed = [...nodes].reverse().filter(({ inputs, outputs }) => {
    const isNeeded = outputs.some((name) => wanted.has(name))
    if (isNeeded) for (const name of inputs) wanted.add(name)
    return isNeeded
  })
  return needed.reverse()
}
