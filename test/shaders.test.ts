import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { packParams, pipelineKey, specialize } from '../src/device/shader.ts'
import type { Dispatch } from '../src/kernels/op.ts'
import { loadShader } from '../src/node/dawn.ts'
import { byMatrices, dispatchesOf, needsSubgroups, opNames, rowsOf, useGpu, variantsOf } from './harness.ts'
import { MATRICES } from './matrices.ts'

const SHADERS = new URL('../shaders/', import.meta.url)
const stems = (folder: string) =>
  readdirSync(new URL(folder, SHADERS))
    .filter((file) => file.endsWith('.wgsl'))
    .map((file) => file.replace('.wgsl', ''))

const shaders = stems('.')
const helpers = stems('lib/')
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
      await gpu().kernel(name, constants)
      gpu().check()
    },
  )

  it('is used by an operator, and its helpers by a shader', () => {
    expect(new Set(dispatches.map((d) => d.shader))).toEqual(new Set(shaders))
    const used = shaders.flatMap((name) => [
      ...loadShader(`${name}.wgsl`).matchAll(/^\/\/ use lib\/(\w+)\.wgsl$/gm),
    ])
    expect(new Set(used.map((match) => match[1]))).toEqual(new Set(helpers))
  })

  it('opens with a comment that says what it computes, and has one entry point, main', () => {
    for (const path of [...shaders, ...helpers.map((name) => `lib/${name}`)]) {
      const text = readFileSync(new URL(`${path}.wgsl`, SHADERS), 'utf8')
      expect(text, path).toMatch(path.startsWith('lib/') ? /^\/\/ / : /^(\/\/ .+\n){2,}/)
      const entryPoints = [...text.matchAll(/@compute[\s\S]*?fn (\w+)/g)].map((match) => match[1])
      expect(entryPoints, path).toEqual(path.startsWith('lib/') ? [] : ['main'])
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

describe('the shader loader', () => {
  const files: Record<string, string> = {
    'a.wgsl':
      '// use lib/h.wgsl\nconst N = 4u;\noverride M = 1u;\nstruct Params { n: u32, x: f32, i: i32 }\n',
    'lib/h.wgsl': 'fn h() {}',
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
})
