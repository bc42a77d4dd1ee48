/** The process of one contender: each brings its own Dawn, and two of them in one process may clash. */
import { type Contender, type PeerName, type Timed, TORCH_PRECISIONS, type Work } from './work.ts'

export interface Opening {
  readonly work: Work
  readonly who: PeerName
  readonly adapter: string | undefined
  /** The Python that PyTorch's rows are by. */
  readonly python: string
}

export type Request = Opening | 'run'
export type Reply =
  | { readonly title: string; readonly parameters: number | null }
  | Timed
  | { readonly trouble: string }

let contender: Contender | null = null

async function answer(request: Request): Promise<Reply> {
  if (request !== 'run') {
    contender = await open(request)
    return { title: contender.title, parameters: contender.parameters }
  }
  const started = performance.now()
  const result = await contender!.run()
  return 'output' in result ? result : { milliseconds: performance.now() - started, output: result }
}

/** Loads nothing but what the one contender needs. */
async function open({ work, who, adapter, python }: Opening): Promise<Contender> {
  if (who === 'ours') return (await import('./ours.ts')).openOurs(work, adapter)
  if (work.kind !== 'onnx') {
    const precision = TORCH_PRECISIONS.find((name) => who === `pytorch ${name}`)
    if (precision) return (await import('./pytorch.ts')).openTorch(work, python, precision)
    return (await import('./tfjs.ts')).openTfjs(work, adapter)
  }
  const { openOnnxRuntime } = await import('./onnxruntime.ts')
  return openOnnxRuntime(work, who === 'onnxruntime cpu' ? 'cpu' : 'webgpu')
}

process.on('message', (request: Request) => {
  answer(request)
    .catch((error: Error): Reply => ({ trouble: error.message.split('\n')[0]! }))
    .then((reply) => process.send!(reply))
})
