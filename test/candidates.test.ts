import { expect, it } from 'vitest'
import { PORTABLE, type Traits } from '../src/device/traits.ts'
import { conv2d, conv2dDefaults } from '../src/kernels/conv/conv2d.ts'
import { conv2dGradInput } from '../src/kernels/conv/conv2dGradInput.ts'
import { conv2dGradWeight } from '../src/kernels/conv/conv2dGradWeight.ts'
import { fitsGrid } from '../src/kernels/op.ts'

type Attrs = Partial<typeof conv2dDefaults>

const LLVMPIPE: Traits = { ...PORTABLE, subgroupLanes: 8 }
const GPU: Traits = { ...PORTABLE, isSoftware: false }

/** What is chosen for the convolution of x with w and for its gradients to x and w, on llvmpipe, on any other software, and on a GPU. */
function chosen(x: readonly number[], w: readonly number[], attrs: Attrs = {}) {
  const all = { ...conv2dDefaults, ...attrs }
  const [y] = conv2d.infer([{ shape: x }, { shape: w }], all)
  return [LLVMPIPE, PORTABLE, GPU].map((traits) => [
    conv2d.candidates!([{ shape: x }, { shape: w }], [y!], all, traits)[0]!,
    conv2dGradInput.candidates!([y!, { shape: w }], [], { ...all, shape: x }, traits)[0]!,
    conv2dGradWeight.candidates!([{ shape: x }, y!], [], { ...all, shape: w }, traits)[0]!,
  ])
}

const names = (...args: Parameters<typeof chosen>) =>
  chosen(...args).map((candidates) => candidates.map(({ name }) => name).join(' '))

const all = (name: string) => Array(3).fill(name).join(' ')

it.each<[string, Parameters<typeof chosen>, [string, string, string]]>([
  [
    'wide 3×3',
    [
      [1, 28, 28, 256],
      [3, 3, 256, 512],
    ],
    [all('winograd'), all('winograd'), all('winograd')],
  ],
  [
    '64 channels to 32',
    [
      [1, 112, 112, 64],
      [3, 3, 64, 32],
    ],
    [all('winograd'), all('winograd'), all('winograd')],
  ],
  [
    'narrow 3×3, of which only gradients are worth transforms',
    [
      [16, 32, 32, 16],
      [3, 3, 16, 32],
    ],
    ['subgroup winograd winograd', 'tiled winograd winograd', 'blocked winograd winograd'],
  ],
  [
    'too narrow for transforms',
    [
      [16, 32, 32, 16],
      [3, 3, 16, 8],
    ],
    [all('subgroup'), all('tiled'), 'blocked blocked blocked-small'],
  ],
  [
    'too few tiles for transforms of the weight',
    [
      [2, 8, 8, 128],
      [3, 3, 128, 128],
    ],
    ['subgroup winograd subgroup', 'tiled winograd tiled', 'blocked-small winograd blocked-small'],
  ],
  [
    'hardly a tile',
    [
      [1, 7, 7, 256],
      [3, 3, 256, 512],
    ],
    [all('subgroup'), all('tiled'), 'blocked-small blocked-small blocked'],
  ],
  [
    'strided',
    [[1, 56, 56, 256], [3, 3, 256, 256], { stride: [2, 2] }],
    [all('subgroup'), all('tiled'), 'blocked-split blocked-split blocked-split'],
  ],
  [
    '1×1',
    [
      [1, 28, 28, 256],
      [1, 1, 256, 256],
    ],
    [all('subgroup'), all('tiled'), 'blocked-small blocked-small blocked-small'],
  ],
  [
    'first layer',
    [
      [1, 32, 32, 1],
      [3, 3, 1, 64],
    ],
    ['subgroup general subgroup', 'tiled general tiled', 'blocked-small general blocked-small'],
  ],
  [
    'last layer',
    [
      [1, 32, 32, 32],
      [3, 3, 32, 2],
    ],
    ['thin subgroup swapped', 'thin tiled swapped', 'thin blocked-small swapped'],
  ],
  [
    'depthwise',
    [[1, 32, 32, 32], [3, 3, 1, 32], { groups: 32 }],
    Array(3).fill('depthwise general general') as [string, string, string],
  ],
  [
    'groups',
    [[1, 32, 32, 32], [3, 3, 8, 32], { groups: 4 }],
    [all('general'), all('general'), all('general')],
  ],
])('%s', (_, args, expected) => {
  expect(names(...args)).toEqual(expected)
})

it('takes no transform of a weight that an adapter might not bind', () => {
  expect(names([1, 16, 16, 1024], [3, 3, 1024, 1024])).toEqual([
    all('subgroup'),
    all('tiled'),
    'blocked-split blocked-split blocked',
  ])
})

it('takes no more workgroups than an adapter has to, whatever the size', () => {
  for (const x of [
    [1, 4096, 4096, 8],
    [2, 4096, 4096, 4],
  ]) {
    for (const candidate of chosen(x, [3, 3, x[3]!, 8]).flat()) {
      expect(candidate.dispatches.every(fitsGrid), `${x} by ${candidate.name}`).toBe(true)
    }
  }
})
