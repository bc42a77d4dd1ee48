import type { InferenceSession } from 'onnxruntime-node'
import { EXIT, UserError } from '../../src/errors.ts'
import type { Input } from '../../src/io/onnx/import.ts'
import type { Values } from '../model.ts'

export type Provider = 'cpu' | 'webgpu'

/** Only what is wrong: the providers warn about every node that they leave to another one. */
const ERRORS_ONLY = 3

/** An ONNX model in ONNX Runtime. */
export class Session {
  private constructor(
    private readonly ort: typeof import('onnxruntime-node'),
    private readonly session: InferenceSession,
    private readonly inputs: readonly Pick<Input, 'name' | 'shape'>[],
  ) {}

  /**
   * @param inputs of the model, with their shapes
   * @throws UserError (exit code 4) when ONNX Runtime refuses the model
   */
  static async open(
    path: string,
    inputs: readonly Pick<Input, 'name' | 'shape'>[],
    provider: Provider,
  ): Promise<Session> {
    const ort = await loadOnnxRuntime()
    const options = { executionProviders: [provider], logSeverityLevel: ERRORS_ONLY }
    const session = await ort.InferenceSession.create(path, options).catch((cause: Error) => {
      throw new UserError(
        `ONNX Runtime refuses ${path}: ${cause.message.split('\n')[0]}`,
        EXIT.badWeightsOrRecords,
        { cause },
      )
    })
    return new Session(ort, session, inputs)
  }

  async run(values: Values): Promise<Map<string, Float32Array>> {
    const feeds = this.inputs.map(({ name, shape }) => [
      name,
      new this.ort.Tensor('float32', values.get(name)!, shape),
    ])
    const results = await this.session.run(Object.fromEntries(feeds))
    return new Map(Object.entries(results).map(([name, { data }]) => [name, data]))
  }

  async destroy(): Promise<void> {
    await this.session.release()
  }
}

export const loadOnnxRuntime = () => import('onnxruntime-node')
