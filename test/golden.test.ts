import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { PORTABLE, type Traits } from '../src/device/traits.ts'
import { compile } from '../src/graph/compile.ts'
import type { Tensor } from '../src/io/safetensors.ts'
import { trainingGraph } from '../src/model/graphs.ts'
import { reportNetwork } from '../src/model/report/index.ts'
import { readSafetensors, writeSafetensors } from '../src/node/safetensors.ts'
import { replayGolden } from '../src/train/golden.ts'
import { compareWith } from '../src/train/golden-comparison.ts'
import { useGpu } from './device.ts'
import { KEPT, MADE } from './golden/files.ts'

/*
 * What PyTorch computes in float64 for random weights and one random batch. The options of the generator, which asks
 * for PyTorch only:
 *   batch1: --size 16 --batch 1 --classes 3 --width 0.03 --steps 10 --seed 5
 *   batch2: --size 16 --batch 2 --classes 7 --width 0.04 --steps 8 --seed 35
 * Both are well-conditioned: PyTorch's own float32 loses no more than 6e-6 of any tensor.
 */
const FILES = ['test/golden/batch1.safetensors', 'test/golden/batch2.safetensors'] as const

const gpu = useGpu()
const folder = mkdtempSync(join(tmpdir(), 'colorizer-golden-'))
const changed = join(folder, 'changed.safetensors')
afterAll(() => rmSync(folder, { recursive: true }))

async function edited(edit: (tensors: Map<string, Tensor>) => unknown): Promise<string> {
  const { tensors } = await readSafetensors(FILES[0])
  edit(tensors)
  await writeSafetensors(changed, tensors)
  return changed
}

const replay = async (file: string, traits: Traits = gpu().traits) =>
  replayGolden(gpu(), { name: file, ...(await readSafetensors(file)) }, traits)

/** The kernels of a training step of this network at the size of a file. */
async function shadersOf(
  file: string,
  architecture: { classes: number; width: number },
  traits: Traits,
): Promise<string[]> {
  const { tensors } = await readSafetensors(file)
  const [batch, , height, width] = tensors.get('input/L')!.shape as [number, number, number, number]
  const graph = trainingGraph(reportNetwork(architecture), { batch, height, width })
  return compile(graph, 2 ** 27, traits).steps.map(({ dispatch }) => dispatch.shader)
}

/**
 * Kernels that the sizes of the other files are too small for, by what chooses them. Only the largest file that is made on
 * demand has a layer so wide that it convolves the upsampled image; `upsampled.test.ts` compares that with the usual way.
 */
const KERNELS = {
  llvmpipe: ['winograd_input', 'winograd_weight', 'winograd_output', 'interleave', 'conv2d_subgroup'],
  GPUs: [
    'winograd_input',
    'conv2d_blocked',
    'conv2d_grad_input_blocked',
    'conv2d_grad_weight_blocked',
    'sum_splits',
  ],
}
const TRAITS: Record<keyof typeof KERNELS, Traits> = {
  llvmpipe: { ...PORTABLE, subgroupLanes: 8 },
  GPUs: { ...PORTABLE, isSoftware: false },
}

describe.each(['llvmpipe', 'GPUs'] as const)(
  'at a size that needs it, with the kernels for %s',
  (adapter) => {
    const traits = TRAITS[adapter]

    it('the training takes them', async () => {
      const shaders = await shadersOf(KEPT.file, { classes: 5, width: 0.0625 }, traits)
      expect(shaders).toEqual(expect.arrayContaining(KERNELS[adapter]))
    })

    it.for([KEPT, ...MADE].map(({ options, file }) => [options, file] as const))(
      '%s is reproduced',
      async ([, file], { skip }) => {
        skip(!existsSync(file), 'it is not there: npm run golden:make makes it')
        skip(
          adapter === 'llvmpipe' && gpu().traits.subgroupLanes !== 8,
          'the adapter has no subgroups of 8 lanes',
        )
        const { passed, worst } = await replay(file, traits)
        expect(worst, JSON.stringify(worst)).toSatisfy(() => passed)
      },
    )
  },
)

describe('golden files', () => {
  it('the last layer of one of them has few channels, and is convolved as such', async () => {
    const shaders = await shadersOf(FILES[1], { classes: 7, width: 0.04 }, gpu().traits)
    expect(shaders).toEqual(expect.arrayContaining(['thin_weight', 'thin_sum']))
  })

  it.each(FILES)('%s is reproduced', async (file) => {
    const { passed, worst } = await replay(file)
    expect(worst, JSON.stringify(worst)).toSatisfy(() => passed)
    expect(Object.keys(worst)).toEqual(['evalForward', 'trainForward', 'gradients', 'losses', 'final'])
    for (const { share, error } of Object.values(worst)) expect(error > 0 && share <= 1).toBe(true)
  })

  it.each([
    ['evalForward', 'eval/ab'],
    ['trainForward', 'train/ab'],
    ['gradients', 'grad/encoder.conv6.weight'],
    ['gradients', 'grad/decoder.bn3.beta'],
    ['losses', 'adam/losses'],
    ['final', 'final/fusion.conv.weight'],
    ['final', 'final/encoder.bn5.mean'],
  ] as const)('%s: one changed number in %s is found', async (group, key) => {
    const file = await edited((tensors) => {
      const { data } = tensors.get(key)!
      data[data.length >> 1]! += Math.hypot(...data) / 1000
    })
    const { passed, worst } = await replay(file)
    expect(passed).toBe(false)
    const failed = Object.entries(worst).filter(([, { share }]) => !(share <= 1))
    expect(failed.map(([name, { key }]) => [name, key])).toEqual([[group, key]])
  })

  it('a changed weight or input is found, and so is NaN', async () => {
    for (const key of ['init/encoder.conv4.weight', 'input/L']) {
      const file = await edited((tensors) => {
        tensors.get(key)!.data[20]! += 0.1
      })
      expect((await replay(file)).passed).toBe(false)
    }
    const file = await edited((tensors) => {
      tensors.get('final/decoder.conv2.bias')!.data[0] = Number.NaN
    })
    expect((await replay(file)).worst.final).toMatchObject({ key: 'final/decoder.conv2.bias' })
    expect((await replay(file)).passed).toBe(false)
  })

  it.each<[string, (tensors: Map<string, Tensor>) => unknown, RegExp]>([
    [
      'no gradient of a weight',
      (t) => t.delete('grad/decoder.conv1.weight'),
      /it has no grad\/decoder\.conv1\.weight/,
    ],
    ['no losses', (t) => t.delete('adam/losses'), /it has no adam\/losses/],
    ['no input', (t) => t.delete('input/L'), /it has no input\/L/],
    [
      'features of another length',
      (t) => t.set('input/features', { shape: [1, 2], data: new Float32Array(2) }),
      /its input\/features is \[1,2\], not \[1,3\]/,
    ],
    ['no weights', (t) => t.delete('init/encoder.conv1.weight'), /encoder\.conv1\.weight is missing/],
  ])('a file with %s is no golden file', async (_, edit, message) => {
    const file = await edited(edit)
    await expect(replay(file)).rejects.toMatchObject({
      name: 'UserError',
      trouble: 'weights',
      message: expect.stringMatching(message),
    })
  })

  it('a photograph is no golden file', async () => {
    await expect(replay('samples/photos/cat.jpg')).rejects.toMatchObject({ trouble: 'weights' })
  })
})

describe('of a large tensor every few elements', () => {
  const tensor = (...values: number[]) => ({ shape: [values.length], data: Float32Array.of(...values) })
  const ours = Float32Array.of(1, 2, 3, 4, 5)
  const compare = (changed: Float32Array) =>
    compareWith(
      {
        name: 'file',
        tensors: new Map([
          ['grad/a', tensor(1, 4)],
          ['norm/grad/a', tensor(Math.sqrt(55))],
          ['noise/grad/a', tensor(1e-3)],
        ]),
      },
      new Map([['grad/a', changed]]),
      { gradients: { prefix: 'grad/', floor: 1e-4 } },
    )

  it('are compared, and the norm of the whole', () => {
    expect(compare(ours)).toMatchObject({ passed: true, worst: { gradients: { key: 'grad/a' } } })
    expect(compare(ours.with(3, 4.03)).passed).toBe(true) // ten times what PyTorch's float32 loses
    expect(compare(ours.with(3, 4.05)).passed).toBe(false)
    expect(compare(ours.with(4, 5.2)).passed).toBe(false)
    expect(compare(ours.subarray(0, 3)).passed).toBe(false)
  })
})
