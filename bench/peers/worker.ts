/** The process of one contender: each brings its own Dawn, and two of them in one process may clash. */
import type { Contender, PeerName, Work } from './work.ts'

export interface Opening {
  readonly work: Work
  readonly who: PeerName
  readonly adapter: string | undefined
}

export type Request = Opening | 'run'
export type Reply =
  | { readonly title: string; readonly parameters: number | null }
  | { readonly milliseconds: number; readonly output: Float32Array }
  | { readonly trouble: string }

let contender: Contender | null = null

async function answer(request: Request): Promise<Reply> {
  if (request !== 'run') {
    contender = await open(request)
    return { title: contender.title, parameters: contender.parameters }
  }
  const started = performance.now()
  const output = await contender!.run()
  return { milliseconds: performance.now() - started, output }
}

/** Loads nothing but what the one contender needs. */
async function open({ work, who, adapter }: Opening): Promise<Contender> {
  if (who === 'ours') return (await import('./ours.ts')).openOurs(work, adapter)
  if (work.kind !== 'onnx') return (await import('./tfjs.ts')).openTfjs(work, adapter)
  const { openOnnxRuntime } = await import('./onnxruntime.ts')
  return openOnnxRuntime(work, who === 'onnxruntime cpu' ? 'cpu' : 'webgpu')
}

process.on('message', (request: Request) => {
  answer(request)
    .catch((error: Error): Reply => ({ trouble: error.message.split('\n')[0]! }))
    .then((reply) => process.send!(reply))
})
