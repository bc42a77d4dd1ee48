/** The little of the peers' interfaces that is used here: they are not installed where the types are checked. */

declare module 'onnxruntime-node' {
  export class Tensor {
    constructor(type: 'float32', data: Float32Array, shape: readonly number[])
    readonly data: Float32Array
    readonly dims: readonly number[]
  }
  export class InferenceSession {
    static create(
      path: string,
      options: { executionProviders: readonly string[]; logSeverityLevel: number },
    ): Promise<InferenceSession>
    run(feeds: Record<string, Tensor>): Promise<Record<string, Tensor>>
    release(): Promise<void>
  }
  export const env: { readonly versions: { readonly node: string } }
}
