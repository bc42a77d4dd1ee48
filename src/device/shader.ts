/**
 * Shader text → what a plan needs to know of it. A shader is a real .wgsl file; three conventions make it usable:
 *   // use lib/NAME.wgsl      prepends that helper file
 *   override NAME = default;  set through the pipeline's constants
 *   const NAME = default;     replaced in the text (sizes of private arrays cannot be overrides)
 *   alias Y = vec4f;          the elements of a binding that is written: `y[i] = Y(value)`
 * Binding 0 is `var<uniform> params: Params`, if there is a `struct Params`, of numbers and of structures of numbers; bindings
 * 1, 2, … are storage arrays.
 * Those of f32 or vec4f become f16 or vec4h where a plan stores float16, so what is read is converted: `vec4f(x[i])`.
 */

import { SHADER_TEXT } from './shader-text.ts'

/** Gives a shader's text by its name: "conv2d_tiled", or "lib/rows" for what several shaders share. */
export type ShaderLoader = (name: string) => string

/** The shaders of this package. */
export const loadShader: ShaderLoader = (name) => {
  const text = SHADER_TEXT[name]
  if (text === undefined) throw new Error(`there is no shader "${name}"`)
  return text
}

/** Values for `struct Params`: numbers, and for members that are structures themselves their fields by name. */
export type Params = Readonly<Record<string, number | Readonly<Record<string, number>>>>

/** A number in `struct Params`. */
export interface ParamField {
  /** "splits", or "conv.strideH" inside a member that is a structure. */
  readonly name: string
  readonly type: Scalar
  readonly offsetBytes: number
}

const SCALARS = ['u32', 'i32', 'f32'] as const
type Scalar = (typeof SCALARS)[number]
const SCALAR_BYTES = 4

export interface Shader {
  readonly name: string
  readonly code: string
  readonly overrides: Readonly<Record<string, number>>
  readonly fields: readonly ParamField[]
  /** Size of `struct Params`; 0 where there is none. */
  readonly paramBytes: number
  /** Access of bindings 1, 2, … */
  readonly access: readonly ('read' | 'read_write')[]
}

/**
 * Loads `name` with `constants` put in, and the bindings `half` (0 is binding 1) as float16. Throws when a constant has no
 * line in the file to go to.
 */
export function specialize(
  load: ShaderLoader,
  name: string,
  constants: Readonly<Record<string, number>>,
  half: readonly number[] = [],
): Shader {
  let code = directivesFirst(withHelpers(load, name))
  if (half.length) code = `enable f16;\n${half.reduce(withHalf, code)}`
  const overrides: Record<string, number> = {}
  for (const [constant, value] of Object.entries(constants)) {
    const line = new RegExp(`^(const|override) ${constant}(\\s*:\\s*\\w+)? = [^;]+;`, 'm')
    const match = line.exec(code)
    if (!match)
      throw new Error(
        `the shader ${name} has no line "const ${constant} = …;" or "override ${constant} = …;"`,
      )
    if (match[1] === 'override') overrides[constant] = value
    else code = code.replace(line, `const ${constant}${match[2] ?? ''} = ${value};`)
  }
  const { fields, bytes } = /^struct Params /m.test(code) ? structLayout(code, 'Params') : NO_PARAMS
  return { name, code, overrides, fields, paramBytes: bytes, access: bindingAccess(name, code) }
}

function withHelpers(load: ShaderLoader, name: string, seen = new Set<string>()): string {
  const text = load(name)
  const helpers = [...text.matchAll(/^\/\/ use (lib\/\w+)\.wgsl$/gm)]
    .map((m) => m[1]!)
    .filter((h) => !seen.has(h))
  for (const helper of helpers) seen.add(helper)
  return [...helpers.map((h) => withHelpers(load, h, seen)), text].join('\n')
}

/** WGSL wants `enable` before everything else, helpers too. */
function directivesFirst(code: string): string {
  const directive = /^enable \w+;$/gm
  return [...(code.match(directive) ?? []), code.replace(directive, '')].join('\n')
}

function withHalf(code: string, binding: number): string {
  const declaration = new RegExp(`(@binding\\(${binding + 1}\\) var<storage, \\w+> \\w+: array<)(\\w+)`)
  const element = declaration.exec(code)?.[2]
  const narrow = (type: string) => (type === 'vec4f' ? 'vec4h' : 'f16')
  const alias = new RegExp(`^alias ${element} = (\\w+);`, 'm')
  if (alias.test(code)) return code.replace(alias, (_, type) => `alias ${element} = ${narrow(type)};`)
  return code.replace(declaration, (_, before, type) => `${before}${narrow(type)}`)
}

interface StructLayout {
  readonly fields: readonly ParamField[]
  readonly alignBytes: number
  readonly bytes: number
}
const NO_PARAMS: StructLayout = { fields: [], alignBytes: 1, bytes: 0 }

/**
 * Where the numbers of a structure lie, by WGSL's rules (section "Alignment and Size"): a member begins at the next multiple
 * of its alignment, which is that of its widest member or what `@align` says, and is as long as its type or as `@size`
 * says. Throws on members of any other type.
 */
function structLayout(code: string, struct: string): StructLayout {
  const body = new RegExp(`^struct ${struct} \\{([^}]*)\\}`, 'm').exec(code)?.[1]
  if (body === undefined) throw new Error(`struct Params: ${struct} is no number and no structure of numbers`)
  const members = body.replace(/\/\/.*$/gm, '').matchAll(/(?:@(align|size)\((\d+)\)\s*)?(\w+)\s*:\s*(\w+)/g)
  const fields: ParamField[] = []
  let [alignBytes, end] = [1, 0]
  for (const [, attribute, number, name, type] of members) {
    const member = isScalar(type!) ? scalarLayout(type) : structLayout(code, type!)
    const align = attribute === 'align' ? Number(number) : member.alignBytes
    const bytes = attribute === 'size' ? Number(number) : member.bytes
    const start = roundUp(end, align)
    for (const field of member.fields) {
      const path = field.name ? `${name}.${field.name}` : name!
      fields.push({ ...field, name: path, offsetBytes: start + field.offsetBytes })
    }
    alignBytes = Math.max(alignBytes, align)
    end = start + bytes
  }
  return { fields, alignBytes, bytes: roundUp(end, alignBytes) }
}

const isScalar = (type: string): type is Scalar => (SCALARS as readonly string[]).includes(type)

const scalarLayout = (type: Scalar): StructLayout => ({
  fields: [{ name: '', type, offsetBytes: 0 }],
  alignBytes: SCALAR_BYTES,
  bytes: SCALAR_BYTES,
})

const roundUp = (bytes: number, multiple: number) => Math.ceil(bytes / multiple) * multiple

function bindingAccess(name: string, code: string): ('read' | 'read_write')[] {
  const found = [...code.matchAll(/@binding\((\d+)\) var<storage, (read|read_write)>/g)]
  return found.map((m, i) => {
    if (Number(m[1]) !== i + 1)
      throw new Error(`the shader ${name}: storage bindings must count 1, 2, … in order`)
    return m[2] as 'read' | 'read_write'
  })
}

/** Packs `params` as the shader's `struct Params` lies in memory. Throws on a missing, extra or non-integer value. */
export function packParams(shader: Shader, params: Params): Uint8Array {
  const values = new Map(Object.entries(params).flatMap(([name, value]) => namedNumbers(name, value)))
  const known = new Set(shader.fields.map((f) => f.name))
  const extra = [...values.keys()].filter((name) => !known.has(name))
  if (extra.length) throw new Error(`${shader.name}: struct Params has no field ${extra.join(', ')}`)
  const view = new DataView(new ArrayBuffer(shader.paramBytes))
  for (const { name, type, offsetBytes } of shader.fields) {
    const value = values.get(name)
    if (value === undefined) throw new Error(`${shader.name}: parameter ${name} is missing`)
    if (type === 'f32') view.setFloat32(offsetBytes, value, true)
    else if (!Number.isInteger(value) || (type === 'u32' && value < 0)) {
      throw new Error(`${shader.name}: parameter ${name} = ${value} is not a valid ${type}`)
    } else if (type === 'u32') view.setUint32(offsetBytes, value, true)
    else view.setInt32(offsetBytes, value, true)
  }
  return new Uint8Array(view.buffer)
}

const namedNumbers = (name: string, value: Params[string]): [string, number][] =>
  typeof value === 'number'
    ? [[name, value]]
    : Object.entries(value).map(([field, number]) => [`${name}.${field}`, number])

/** The cache key of a pipeline: what is compiled, not what it runs on. */
export function pipelineKey(
  name: string,
  constants: Readonly<Record<string, number>>,
  half: readonly number[] = [],
): string {
  const parts = Object.entries(constants).map(([k, v]) => `${k}=${v}`)
  if (half.length) parts.push(`half=${half.join('+')}`)
  return `${name}(${parts.sort().join(',')})`
}
