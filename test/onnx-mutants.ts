/** Damaged ONNX models, the same ones for the same seed, and what the importer makes of them. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import proto from 'onnx-proto'
import { describeModel } from '../src/cli/onnx-run.ts'
import { loadShader, packParams, specialize } from '../src/device/shader.ts'
import { UserError } from '../src/errors.ts'
import { BindingLimitError, compile } from '../src/graph/compile.ts'
import { rewriteForInference } from '../src/graph/rewrite.ts'
import { importOnnx } from '../src/io/onnx/import.ts'
import { readModel } from '../src/node/onnx-file.ts'
import { uniform4 } from '../src/random.ts'

const { onnx } = proto
type Random = () => number
const STREAM = 99

const OWN = fileURLToPath(new URL('onnx/own', import.meta.url))
/** The models that are damaged: each operator, and small networks, of those that begin with float32. */
export const ORIGINALS = readdirSync(OWN)
  .filter((name) => name !== 'int64_exact')
  .map((name) => readFileSync(join(OWN, name, 'model.onnx')))

const below = (random: Random, count: number) => Math.floor(random() * count)
const pick = <T>(random: Random, list: readonly T[]): T => list[below(random, list.length)]!

/** Bytes that mean something in protobuf: ends of varints, lengths, field tags. */
const BYTES = [0, 1, 2, 7, 0x0a, 0x12, 0x1a, 0x22, 0x2a, 0x32, 0x3a, 0x4a, 0x7f, 0x80, 0xff]
/** Sizes that overflow something. */
const SIZES = [
  -1,
  0,
  1,
  2,
  3,
  7,
  64,
  65536,
  2 ** 20,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  -(2 ** 31),
  -(2 ** 62),
]

/** A damaged model: by bytes or, every other time, by changing what the decoded message says. */
export function mutant(seed: number): Uint8Array {
  let drawn = 0
  const random = () => uniform4(seed, STREAM, drawn++)[0]
  const original = pick(random, ORIGINALS)
  return seed % 2 ? damaged(original, random) : altered(original, random)
}

function damaged(original: Uint8Array, random: Random): Uint8Array {
  let bytes = Buffer.from(original)
  for (let i = below(random, 6); i >= 0; i--) {
    const [at, length] = [below(random, bytes.length), 1 + below(random, 40)]
    const [before, behind] = [bytes.subarray(0, at), bytes.subarray(at + length)]
    const kind = below(random, 6)
    if (kind === 0) bytes[at]! ^= 1 << below(random, 8)
    else if (kind === 1) bytes[at] = pick(random, BYTES)
    else if (kind === 2) bytes = Buffer.concat([before, behind])
    else if (kind === 3)
      bytes = Buffer.concat([
        before,
        bytes.subarray(below(random, bytes.length)).subarray(0, length),
        bytes.subarray(at),
      ])
    else if (kind === 4)
      bytes = Buffer.concat([before, pick(random, ORIGINALS).subarray(at, at + length), behind])
    else if (random() < 0.2) bytes = Buffer.from(before)
    if (bytes.length === 0) bytes = Buffer.from([0])
  }
  return bytes
}

/** Replaces some numbers, names and lists anywhere in the message. */
function altered(original: Uint8Array, random: Random): Uint8Array {
  const model = onnx.ModelProto.toObject(onnx.ModelProto.decode(original), { longs: Number, arrays: true })
  const places = placesIn(model)
  for (let i = below(random, 4); i >= 0; i--) {
    const { owner, key } = pick(random, places)
    const other = pick(random, places)
    const value = owner[key]
    if (typeof value === 'number') owner[key] = pick(random, SIZES)
    else if (typeof value === 'string')
      owner[key] = pick(random, ['', 'x', 'y', '__proto__', other.owner[other.key] as string])
    else if (value instanceof Uint8Array && value.length >= 8) owner[key] = withSize(value, random)
    else if (Array.isArray(value)) owner[key] = random() < 0.5 ? value.slice(1) : [...value, ...value]
  }
  return onnx.ModelProto.encode(onnx.ModelProto.fromObject(model)).finish()
}

/** Raw data with one of its 64-bit integers replaced, if that is what it holds. */
function withSize(data: Uint8Array, random: Random): Uint8Array {
  const copy = Buffer.from(data)
  copy.writeBigInt64LE(BigInt(pick(random, SIZES)), 8 * below(random, Math.floor(data.length / 8)))
  return copy
}

interface Place {
  readonly owner: Record<string, unknown>
  readonly key: string
}

function placesIn(value: object): Place[] {
  return Object.entries(value).flatMap(([key, child]) => {
    const here = { owner: value as Record<string, unknown>, key }
    return typeof child === 'object' && child !== null && !ArrayBuffer.isView(child)
      ? [here, ...placesIn(child)]
      : [here]
  })
}

/** The adapter that is imagined here binds as much as WebGPU guarantees. */
const MAX_BINDING_BYTES = 2 ** 27

/** Does all with a model but run it. Returns what a person would be told, '' for nothing. Throws a bug. */
export async function importMutant(path: string, bytes: Uint8Array): Promise<string> {
  writeFileSync(path, bytes)
  try {
    const model = await readModel(path)
    const { unsupported } = describeModel(model)
    const { graph } = importOnnx(model, { survey: true })
    for (const { dispatch } of compile(rewriteForInference(graph), MAX_BINDING_BYTES).steps) {
      packParams(specialize(loadShader, dispatch.shader, dispatch.constants ?? {}), dispatch.params)
    }
    return unsupported.map(({ reason }) => reason).join('\n')
  } catch (error) {
    if (error instanceof UserError || error instanceof BindingLimitError) return error.message
    throw error
  }
}
