import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { BUFFER_USAGE } from '../src/device/constants.ts'
import { loadShader, packParams, pipelineKey, specialize } from '../src/device/shader.ts'
import { SHADER_TEXT } from '../src/device/shader-text.ts'
import type { Dispatch } from '../src/kernels/op.ts'
import { openGpu } from '../src/node/dawn.ts'
import { useGpu } from './device.ts'
import { byMatrices, dispatchesOf, needsSubgroups, opNames, rowsOf, variantsOf } from './harness.ts'
import { MATRICES } from './matrices.ts'

const SHADERS = new URL('../shaders/', import.meta.url)
const names = Object.keys(SHADER_TEXT)
const isHelper = (name: string) => name.startsWith('lib/')
const shaders = names.filter((name) => !isHelper(name))
const helpers = names.filter(isHelper)
const dispatches: Dispatch[] = opNames.flatMap((name) =>
  rowsOf(name)
    .flatMap((row) => [...variantsOf(row), ...byMatrices(row, MATRICES)])
    .flatMap(dispatchesOf),
)
/** Those in the subgroups' matrices compile in `matrices.test.ts`, on adapters that have them or can emulate them. */
const needsMatrices = (name: string) =>
  /^enable chromium_experimental_subgroup_matrix;$/m.test(specialize(loadShader, name, {}).code)
/** Every specialisation that the cases use, and every file with its defaults. */
const specialisations = new Map<string, { name: string; constants: Readonly<Record<string, number>> }>()
for (const name of shaders.filter((shader) => !needsMatrices(shader)))
  specialisations.set(pipelineKey(name, {}), { name, constants: {} })
for (const { shader, constants = {} } of dispatches) {
  if (!needsMatrices(shader)) specialisations.set(pipelineKey(shader, constants), { name: shader, constants })
}

const gpu = useGpu()

describe('every shader', () => {
  it.for([...specialisations])(
    'compiles without a message: %s',
    async ([, { name, constants }], { skip }) => {
      skip(needsSubgroups(name) && !gpu().has('subgroups'), 'the adapter has no subgroups')
      expect((await gpu().kernel(name, constants)).messages).toEqual([])
      gpu().check()
    },
  )

  it('is used by an operator, and its helpers by a shader', () => {
    expect(new Set(dispatches.map((d) => d.shader))).toEqual(new Set(shaders))
    const used = (name: string): string[] =>
      [...loadShader(name).matchAll(/^\/\/ use (lib\/\w+)\.wgsl$/gm)].flatMap(([, helper]) => [
        helper!,
        ...used(helper!),
      ])
    expect(new Set(shaders.flatMap(used))).toEqual(new Set(helpers))
  })

  it('opens with a comment that says what it computes, and has one entry point, main', () => {
    for (const path of names) {
      const text = loadShader(path)
      expect(text, path).toMatch(isHelper(path) ? /^\/\/ / : /^(\/\/ .+\n){2,}/)
      const entryPoints = [...text.matchAll(/@compute[\s\S]*?fn (\w+)/g)].map((match) => match[1])
      expect(entryPoints, path).toEqual(isHelper(path) ? [] : ['main'])
    }
  })

  it('gets exactly the parameters, bindings and workgroups that it can take', () => {
    for (const { shader, constants = {}, params, bindings, workgroups } of dispatches) {
      const specialised = specialize(loadShader, shader, constants)
      packParams(specialised, params)
      expect(bindings.length, shader).toBe(specialised.access.length)
      expect(Math.max(...workgroups), shader).toBeLessThanOrEqual(65535)
    }
  })
})

describe("the module with the shaders' text", () => {
  it('has the text of every file below shaders/, under its name', () => {
    const files = readdirSync(SHADERS, { recursive: true, encoding: 'utf8' }).filter((file) =>
      file.endsWith('.wgsl'),
    )
    const texts = files.map((file) => {
      const name = file
        .replaceAll('\\', '/')
        .replace(/\.wgsl$/, '')
        .replace(/^(?!lib\/).*\//, '')
      return [name, readFileSync(new URL(file, SHADERS), 'utf8')]
    })
    expect(SHADER_TEXT, 'run: node scripts/setup.mjs').toEqual(Object.fromEntries(texts))
  })
})

describe('the shader loader', () => {
  const files: Record<string, string> = {
    a: '// use lib/h.wgsl\nconst N = 4u;\noverride M = 1u;\nstruct Params { n: u32, x: f32, i: i32 }\n',
    'lib/h': 'fn h() {}',
  }
  const load = (path: string) => files[path]!

  it('replaces const lines in the text and passes overrides on', () => {
    const shader = specialize(load, 'a', { N: 7, M: 2 })
    expect(shader.code).toContain('const N = 7;')
    expect(shader.code.startsWith('fn h() {}')).toBe(true)
    expect(shader.overrides).toEqual({ M: 2 })
  })

  it('stores float16 in the bindings that it is told, by their aliases where they have one', () => {
    const { code } = specialize(loadShader, 'conv2d_subgroup', {}, [0, 1, 4])
    expect(code).toMatch(/^enable f16;\nenable subgroups;/)
    expect(code).toContain('x: array<f16>;')
    expect(code).toContain('w: array<vec4h>;')
    expect(code).toContain('bias: array<vec4f>;')
    expect(code).toContain('alias Y = vec4h;')
  })

  it('refuses a constant that has no line in the file', () => {
    expect(() => specialize(load, 'a', { K: 1 })).toThrow('no line "const K = …;" or "override K = …;"')
  })

  it('packs parameters in the order of the struct and refuses missing, extra and impossible ones', () => {
    const shader = specialize(load, 'a', {})
    const view = new DataView(packParams(shader, { i: -1, x: 0.5, n: 3 }).buffer)
    expect([view.getUint32(0, true), view.getFloat32(4, true), view.getInt32(8, true)]).toEqual([3, 0.5, -1])
    expect(() => packParams(shader, { n: 3, x: 0 })).toThrow('parameter i is missing')
    expect(() => packParams(shader, { n: 3, x: 0, i: 0, j: 0 })).toThrow('no field j')
    expect(() => packParams(shader, { n: -3, x: 0, i: 0 })).toThrow('n = -3 is not a valid u32')
    expect(() => packParams(shader, { n: 0.5, x: 0, i: 0 })).toThrow('n = 0.5 is not a valid u32')
  })

  describe('of structures in the struct', () => {
    // offsets by hand, from WGSL's rules: n 0, inner.a 16, inner.b 20, inner.c 24 (8 bytes long), rest 32, last.z 48; 64 bytes in all
    const shader = specialize(
      () =>
        'struct Inner {\n  @align(16) a: u32, // first: b\n  b: f32, @size(8) c: i32,\n}\nstruct Last { z: u32 }\n' +
        'struct Params { n: u32, inner: Inner, rest: u32, @align(16) last: Last }\n',
      'nested',
      {},
    )
    const values = { n: 1, inner: { a: 2, b: 0.5, c: -3 }, rest: 4, last: { z: 5 } }

    it('packs each at a multiple of 16 bytes', () => {
      const packed = packParams(shader, values)
      const view = new DataView(packed.buffer)
      expect(packed).toHaveLength(64)
      expect([0, 16, 32, 48].map((at) => view.getUint32(at, true))).toEqual([1, 2, 4, 5])
      expect([view.getFloat32(20, true), view.getInt32(24, true)]).toEqual([0.5, -3])
    })

    it('refuses missing, extra and impossible values, by their paths', () => {
      const { inner } = values
      expect(() => packParams(shader, { ...values, inner: { a: 2, b: 0 } })).toThrow(
        'parameter inner.c is missing',
      )
      expect(() => packParams(shader, { ...values, inner: { ...inner, d: 1 } })).toThrow('no field inner.d')
      expect(() => packParams(shader, { ...values, inner: { ...inner, a: -2 } })).toThrow(
        'inner.a = -2 is not a valid u32',
      )
      expect(() => packParams(shader, { ...values, inner: 1 })).toThrow('no field inner')
    })

    it('refuses what is neither a number nor a structure of numbers', () => {
      const vector = () => 'struct Params { v: vec2f }\n'
      expect(() => specialize(vector, 'vector', {})).toThrow('vec2f is no number')
    })

    it('places them where the GPU looks for them', async () => {
      const text = `${shader.code}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(1)
fn main() {
  y[0] = f32(params.n);
  y[1] = f32(params.inner.a);
  y[2] = params.inner.b;
  y[3] = f32(params.inner.c);
  y[4] = f32(params.rest);
  y[5] = f32(params.last.z);
}
`
      const own = await openGpu({ adapter: process.env.COLORIZER_ADAPTER, loadShader: () => text })
      const kernel = await own.kernel('nested')
      const block = own.pool.take(64, BUFFER_USAGE.UNIFORM | BUFFER_USAGE.COPY_DST, 'parameters')
      const y = own.pool.take(24, BUFFER_USAGE.STORAGE | BUFFER_USAGE.COPY_SRC, 'y')
      own.device.queue.writeBuffer(block, 0, packParams(kernel.shader, values) as Uint8Array<ArrayBuffer>)
      const encoder = own.device.createCommandEncoder()
      const pass = encoder.beginComputePass()
      pass.setPipeline(kernel.pipeline)
      pass.setBindGroup(0, own.bindGroup(kernel, 'nested', { buffer: block }, [{ buffer: y }]))
      pass.dispatchWorkgroups(1)
      pass.end()
      own.device.queue.submit([encoder.finish()])
      expect([...(await own.read(y))]).toEqual([1, 2, 0.5, -3, 4, 5])
      own.destroy()
    })
  })
})
