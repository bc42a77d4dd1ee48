import {
  type ActivationAttrs,
  activate,
  activationGrad,
  activationKernel,
} from '../elementwise/activation.ts'
import {
  type Dispatch,
  elementwise,
  elems,
  expectRanks,
  input,
  type Op,
  output,
  ShapeError,
  type Spec,
} from '../op.ts'

/**
 * Puts an image together from its phases, behind a convolution with a `phaseWeight`: z [N,H+1,W+1,4K], optional bias [K] →
 * y [N,2H,2W,K], y[n,2i+a,2j+b,k] = act(z[n,i+a,j+b,(2a+b)K+k] + bias[k]).
 */
export const interleave: Op<ActivationAttrs> = {
  name: 'interleave',
  half: [0],

  infer(inputs) {
    expectRanks('interleave', inputs, inputs.length === 2 ? [4, 1] : [4])
    const [N, rows, columns, channels] = inputs[0]!.shape as [number, number, number, number]
    if (rows < 2 || columns < 2 || channels % 4) {
      throw new ShapeError('interleave', 'the phases must be [N×(H+1)×(W+1)×4K]', inputs)
    }
    if (inputs[1] && inputs[1].shape[0] !== channels / 4) {
      throw new ShapeError('interleave', `the bias must be [${channels / 4}]`, inputs)
    }
    return [{ shape: [N, 2 * (rows - 1), 2 * (columns - 1), channels / 4] }]
  },

  kernels(inputs, [y], attrs) {
    const HAS_BIAS = inputs.length - 1
    const { constants, params } = activationKernel(attrs)
    const bindings = [input(0), input(HAS_BIAS), output(0)]
    return [dispatch('interleave', y!, y!, { bindings, params, constants: { ...constants, HAS_BIAS } })]
  },

  grad(b, attrs) {
    const sum = activationGrad(b, attrs)
    const dz = b.needs(0) ? b.op('deinterleave', [sum], {}) : null
    if (b.inputs.length === 1) return [dz]
    return [dz, b.needs(1) ? b.op('sumRows', [sum], { keepBatch: false }) : null]
  },

  reference([z, bias], [spec], attrs) {
    const [N, rows, columns, channels] = spec!.shape as [number, number, number, number]
    const shape = [N, 2 * (rows - 1), 2 * (columns - 1), channels / 4]
    const y = new Float64Array(elems({ shape }))
    forEachElement(shape, (at, from, k) => {
      y[at] = activate(z![from]! + (bias?.[k] ?? 0), attrs)
    })
    return [y]
  },
}

/** Its transpose: y [N,2H,2W,K] → [N,H+1,W+1,4K], zeros where nothing is taken from. */
export const deinterleave: Op<object> = {
  name: 'deinterleave',
  half: 'all',

  infer(inputs) {
    expectRanks('deinterleave', inputs, [4])
    const [N, H, W, K] = inputs[0]!.shape as [number, number, number, number]
    if (H % 2 || W % 2) throw new ShapeError('deinterleave', 'height and width must be even', inputs)
    return [{ shape: [N, H / 2 + 1, W / 2 + 1, 4 * K] }]
  },

  kernels: ([y], [z]) => [dispatch('deinterleave', y!, z!, { bindings: [input(0), output(0)], params: {} })],

  grad: (b) => [b.op('interleave', [b.outputGrads[0]!], { activation: 'none' })],

  reference([y], [spec]) {
    const [N, H, W, K] = spec!.shape as [number, number, number, number]
    const z = new Float64Array(N * (H / 2 + 1) * (W / 2 + 1) * 4 * K)
    forEachElement(spec!.shape, (at, from) => {
      z[from] = y![at]!
    })
    return [z]
  },
}

/** Visits every element of y [N,2H,2W,K] with the one of z that it comes from, and its channel. */
function forEachElement(
  shape: readonly number[],
  visit: (at: number, from: number, k: number) => void,
): void {
  const [N, height, width, K] = shape as [number, number, number, number]
  const [H, W] = [height / 2, width / 2]
  for (let n = 0; n < N; n++) {
    for (let i = 0; i < H; i++) {
      for (let j = 0; j < W; j++) {
        for (const a of [0, 1]) {
          for (const b of [0, 1]) {
            for (let k = 0; k < K; k++) {
              const at = ((n * height + 2 * i + a) * width + 2 * j + b) * K + k
              const from = ((n * (H + 1) + i + a) * (W + 1) + j + b) * 4 * K + (2 * a + b) * K + k
              visit(at, from, k)
            }
          }
        }
      }
    }
  }
}

/** One invocation for each vec4 of `written`, or for four of them where channels of the image y are whole vec4s. */
function dispatch(
  shader: string,
  y: Spec,
  written: Spec,
  { bindings, params, constants }: Pick<Dispatch, 'bindings' | 'params' | 'constants'>,
): Dispatch {
  const [, H, W, K] = y.shape as [number, number, number, number]
  const vector = K % 4 === 0
  const layout = { H, W, channels: vector ? K / 4 : K }
  const count = vector ? elems(written) / 4 : elems(written)
  return elementwise(shader, count, bindings, {
    params: { ...layout, ...params },
    constants: { VECTOR: Number(vector), ...constants },
  })
}
