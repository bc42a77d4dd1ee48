import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { loadShader, packParams, pipelineKey, specialize } from '../src/device/shader.ts'
import { SHADER_TEXT } from '../src/device/shader-text.ts'
import type { Dispatch } from '../src/kernels/op.ts'
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
      await gpu().kernel(name, constants)
      gpu().check()
    },
  )

  it('is used by an operator, and its helpers by a shader', () => {
    expect(new Set(dispatches.map((d) => d.shader))).toEqual(new Set(shaders))
    const used = shaders.flatMap((name) => [...loadShader(name).matchAll(/^\/\/ use (lib\/\w+)\.wgsl$/gm)])
    expect(new Set(used.map((match) => match[1]))).toEqual(new Set(helpers))
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
})
