import { writeFileSync } from 'node:fs'
import { expect } from 'vitest'
import { importOnnx } from '../src/io/onnx/import.ts'
import { readModel } from '../src/node/onnx-file.ts'
import { type ModelParts, modelBytes } from './onnx-models.ts'

/** The one sentence that refuses such a file, written to `path`. */
export async function importFailure(
  path: string,
  parts: ModelParts | Uint8Array,
  batch?: number,
): Promise<string> {
  writeFileSync(path, parts instanceof Uint8Array ? parts : modelBytes(parts))
  const error = await readModel(path)
    .then((model) => importOnnx(model, batch === undefined ? {} : { batch }))
    .then(
      () => null,
      (e: Error) => e,
    )
  expect(error).toMatchObject({ trouble: 'weights' })
  expect(error!.message).toContain(path)
  expect(error!.message).not.toContain('\n')
  expect(error!.message.length).toBeLessThan(900)
  return error!.message
}
