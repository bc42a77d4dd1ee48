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

declare module '@tensorflow/tfjs-core' {
  export interface Tensor {
    readonly shape: readonly number[]
    readonly size: number
    data(): Promise<Float32Array>
    dispose(): void
  }
  export interface Variable extends Tensor {
    assign(value: Tensor): void
  }
  type Operand = Tensor | number
  export const version_core: string
  export function setBackend(name: 'webgpu'): Promise<boolean>
  export function tidy<T>(compute: () => T): T
  export function tensor(data: Float32Array, shape: number[]): Tensor
  export function variable(value: Tensor, trainable: boolean, name: string): Variable
  export function add(a: Tensor, b: Operand): Tensor
  export function mul(a: Tensor, b: Operand): Tensor
  export function tanh(x: Tensor): Tensor
  export function mean(x: Tensor): Tensor
  export function moments(x: Tensor, axes: number[]): { mean: Tensor; variance: Tensor }
  export function squaredDifference(a: Tensor, b: Tensor): Tensor
  export function tile(x: Tensor, repeats: number[]): Tensor
  export function concat(tensors: Tensor[], axis: number): Tensor
  export function batchNorm(
    x: Tensor,
    mean: Tensor,
    variance: Tensor,
    offset: Tensor | undefined,
    scale: Tensor | undefined,
    epsilon: number,
  ): Tensor
  export const fused: {
    conv2d(options: {
      x: Tensor
      filter: Tensor
      bias: Tensor
      strides: number
      pad: 'same'
      activation: 'relu' | 'linear'
    }): Tensor
  }
  export const image: { resizeNearestNeighbor(x: Tensor, size: [number, number]): Tensor }
  export const train: {
    adam(
      learningRate: number,
      beta1: number,
      beta2: number,
      epsilon: number,
    ): { minimize(loss: () => Tensor, returnCost: true, variables: Variable[]): Tensor | null }
  }
}

declare module '@tensorflow/tfjs-backend-webgpu' {}

declare module '@tensorflow/tfjs-layers' {}
