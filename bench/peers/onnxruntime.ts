import type { InferenceSession } from 'onnxruntime-node'
import { UserError } from '../../src/errors.ts'
import { importOnnx } from '../../src/io/onnx/import.ts'
import { readModel } from '../../src/node/onnx-file.ts'
import type { Values } from '../model.ts'
import { type Contender, type OnnxWork, type Shaped, valuesFor } from './work.ts'

export type Provider = 'cpu' | 'webgpu'

/** Only what is wrong: the providers warn about every node that they leave to another one. */
const ERRORS_ONLY = 3

/** An ONNX model in ONNX Runtime. */
export class Session {
  private constructor(
    private readonly ort: typeof import('onnxruntime-node'),
    private readonly session: InferenceSession,
    private readonly inputs: readonly Shaped[],
  ) {}

  /**
   * @param inputs of the model, with their shapes
   * @throws UserError (exit code 4) when ONNX Runtime refuses the model
   */
  static async open(path: string, inputs: readonly Shaped[], provider: Provider): Promise<Session> {
    const ort = await loadOnnxRuntime()
    const options = { executionProviders: [provider], logSeverityLevel: ERRORS_ONLY }
    const session = await ort.InferenceSession.create(path, options).catch((cause: Error) => {
      throw new UserError(`ONNX Runtime refuses ${path}: ${cause.message.split('\n')[0]}`, 'weights', {
        cause,
      })
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

export async function openOnnxRuntime({ path }: OnnxWork, provider: Provider): Promise<Contender> {
  const { inputs } = importOnnx(await readModel(path!), { batch: 1 })
  const session = await Session.open(path!, inputs, provider)
  const values = valuesFor(inputs)
  const { env } = await loadOnnxRuntime()
  return {
    title: `ONNX Runtime ${env.versions.node} (${provider === 'cpu' ? 'CPU' : 'WebGPU'})`,
    parameters: null,
    run: async () => [...(await session.run(values)).values()][0]!,
  }
}
