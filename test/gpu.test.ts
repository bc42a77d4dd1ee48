import { describe, expect, it } from 'vitest'
import { adapterName } from '../src/device/adapter.ts'
import { openGpu } from '../src/node/dawn.ts'

const info = (parts: Partial<GPUAdapterInfo>) =>
  ({ vendor: '', architecture: '', device: '', description: '', ...parts }) as GPUAdapterInfo

describe('an adapter', () => {
  it.each<[Partial<GPUAdapterInfo>, string]>([
    [{ device: 'nvidia-h200', description: 'a driver', vendor: 'nvidia' }, 'nvidia-h200'],
    [{ device: 'llvmpipe', description: 'llvmpipe: Mesa', architecture: 'software' }, 'llvmpipe: Mesa'],
    [{ device: 'llvmpipe', architecture: 'software' }, 'llvmpipe'],
    [{ description: 'a driver', vendor: 'nvidia' }, 'a driver'],
    // as wgpu words it
    [
      { device: '0', description: 'llvmpipe (LLVM 15.0.6, 256 bits)', vendor: '65541' },
      'llvmpipe (LLVM 15.0.6, 256 bits)',
    ],
    [{ device: '8708', vendor: 'nvidia' }, 'nvidia'],
    [{ device: '0', vendor: '65541' }, 'unknown adapter'],
    [{}, 'unknown adapter'],
  ])('that says %j is called %s', (parts, name) => {
    expect(adapterName(info(parts))).toBe(name)
  })
})

describe('a device', () => {
  const adapter = process.env.COLORIZER_ADAPTER

  it('is opened with the choices that are handed in, and needs nothing global', async () => {
    const choices = new Map([['a convolution', 'general']])
    const gpu = await openGpu({ adapter, choices: (found) => (found.info ? choices : new Map()) })
    expect(gpu.traits.choices).toBe(choices)
    expect(Object.getOwnPropertyNames(globalThis).filter((name) => name.startsWith('GPU'))).toEqual([])
    gpu.destroy()
  })

  it('runs what the compiler only warns of, and refuses what it calls an error', async () => {
    const head =
      '@group(0) @binding(1) var<storage, read_write> y: array<f32>;\n@compute @workgroup_size(1)\n'
    const shaders: Record<string, string> = {
      warned: `${head}fn main() { y[0] = 1.0; return; y[0] = 2.0; }`,
      wrong: `${head}fn main() { y[0] = 1; return; y[0] = true; }`,
    }
    const gpu = await openGpu({ adapter, loadShader: (name) => shaders[name]! })
    const kernel = await gpu.kernel('warned')
    expect(kernel.messages).toEqual([expect.stringMatching(/^warning at line 3: code is unreachable/)])
    await expect(gpu.kernel('wrong')).rejects.toThrow(
      /kernel wrong\(\) does not compile:\n[\s\S]*error at line 3/,
    )
    gpu.check()
    gpu.destroy()
  })
})
