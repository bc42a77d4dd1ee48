/** Shaders whose short loops are written out, for an adapter that does not do so itself. */
import { describe, expect, it } from 'vitest'
import { create } from 'webgpu'
import { needsUnrolling } from '../src/device/adapter.ts'
import { Gpu } from '../src/device/gpu.ts'
import { loadShader, specialize } from '../src/device/shader.ts'
import { SHADER_TEXT } from '../src/device/shader-text.ts'
import { unrolled } from '../src/device/unroll.ts'
import { compile } from '../src/graph/compile.ts'
import { Executor, Variables } from '../src/graph/execute.ts'
import { Graph } from '../src/graph/graph.ts'
import { conv2dDefaults } from '../src/kernels/conv/conv2d.ts'
import { useGpu } from './device.ts'

const gpu = useGpu()

const info = (parts: Partial<GPUAdapterInfo>) =>
  ({ architecture: '', description: '', device: '', ...parts }) as GPUAdapterInfo

it('is done for SwiftShader, as Chromium and as Dawn in Node name it, and for no other adapter', () => {
  const named = [{ architecture: 'swiftshader' }, { device: 'SwiftShader Device (Subzero)' }]
  expect(named.map((parts) => needsUnrolling(info(parts)))).toEqual([true, true])
  expect(needsUnrolling(info({ architecture: 'software', device: 'llvmpipe (LLVM 15.0.6)' }))).toBe(false)
})

describe('a loop', () => {
  it('is written out, with those inside, and keeps fields of its name', () => {
    const code = `const A = 2u;
const B = 2;
for (var a = 0u; a < A; a++) { for (var b = 0u; b < B; b++) { sum[a * B + b] += p.a; } }
end();`
    const flat = unrolled(code).replaceAll(/[\s{}]/g, '')
    const turns = ['0u*B+0u', '0u*B+1u', '1u*B+0u', '1u*B+1u'].map((place) => `sum[${place}]+=p.a;`)
    expect(flat).toBe(`constA=2u;constB=2;${turns.join('')}end();`)
  })

  it.each([
    ['is left early', 'const A = 2u;\nfor (var a = 0u; a < A; a++) { if (b) { continue; } }'],
    ['is long', 'const A = 17u;\nfor (var a = 0u; a < A; a++) { f(a); }'],
    ['has turns that are not known', 'override A = 2u;\nfor (var a = 0u; a < A; a++) { f(a); }'],
    ['hides its variable', 'const A = 2u;\nfor (var a = 0u; a < A; a++) { let a = 1u; }'],
  ])('stays where it %s', (_, code) => {
    expect(unrolled(code)).toBe(code)
  })
})

const names = Object.keys(SHADER_TEXT).filter((name) => !name.startsWith('lib/'))
/** Others need what few adapters have; their loops are of the same kinds. */
const portable = names.filter((name) => !/^enable /m.test(specialize(loadShader, name, {}).code))

it.each(portable)('%s compiles written out', async (name) => {
  const code = unrolled(specialize(loadShader, name, {}).code)
  const { messages } = await gpu().device.createShaderModule({ code }).getCompilationInfo()
  expect(messages.map(({ message }) => message)).toEqual([])
  gpu().check()
})

/** What an adapter computes that says this of itself, a convolution, and the loops in the shaders that it is given. */
async function compute(architecture: string): Promise<{ y: Float32Array; loops: number }> {
  const adapter = process.env.COLORIZER_ADAPTER
  const entry = create(adapter === undefined ? [] : [`adapter=${adapter}`])
  const found = (await entry.requestAdapter())!
  const codes: string[] = []
  const requestDevice = async (wanted: GPUDeviceDescriptor) => {
    const device = await found.requestDevice(wanted)
    const make = device.createShaderModule.bind(device)
    const createShaderModule: typeof make = (descriptor) => {
      codes.push(descriptor.code)
      return make(descriptor)
    }
    return Object.defineProperty(device, 'createShaderModule', { value: createShaderModule })
  }
  const { limits, features } = found
  const named = {
    limits,
    features,
    requestDevice,
    info: { ...info({ architecture }), isFallbackAdapter: true },
  }
  const gpu = (await Gpu.open({ requestAdapter: async () => named } as unknown as GPU))!
  const y = await convolved(gpu)
  gpu.destroy()
  return { y, loops: codes.join('').match(/for \(var/g)!.length }
}

async function convolved(gpu: Gpu): Promise<Float32Array> {
  const graph = new Graph()
  const [x, w] = [graph.input('x', [1, 9, 11, 8]), graph.input('w', [3, 3, 8, 64])]
  graph.output('y', graph.op('conv2d', [x, w], { ...conv2dDefaults, padding: 'same' }))
  const plan = compile(graph, gpu.device.limits.maxStorageBufferBindingSize, gpu.traits)
  const executor = await Executor.create(gpu, plan, new Variables(gpu))
  const values = (length: number) => Float32Array.from({ length }, (_, i) => ((i * 7) % 13) - 6)
  executor.upload('x', values(9 * 11 * 8))
  executor.upload('w', values(9 * 8 * 64))
  const [y] = await executor.run(['y'])
  executor.destroy()
  return y!
}

it('computes the same with fewer loops', async () => {
  const [written, usual] = [await compute('swiftshader'), await compute('')]
  expect(written.y).toEqual(usual.y)
  expect(written.loops).toBeLessThan(usual.loops)
})
