/**
 * Writes `test/golden/mobilenet_v1.json`, the logits that `test/classifier.test.ts` expects:
 * `node scripts/run.mjs --script bench/peers/record.ts`
 */
import { fileURLToPath } from 'node:url'
import { inputOf } from '../../src/infer/classifier-input.ts'
import { relayout } from '../../src/io/onnx/values.ts'
import { writeFileAtomic } from '../../src/node/files.ts'
import { readPhoto, sharpResize } from '../../src/node/image.ts'
import { patternPhoto } from '../../test/pattern.ts'
import { installPeers } from './install.ts'
import { loadOnnxRuntime, Session } from './onnxruntime.ts'

const PHOTOS = ['koala', 'polar-bear', 'coffee']
const SIZE = 224
const INPUT = { name: 'x', shape: [1, 3, SIZE, SIZE] }

const pathOf = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))

installPeers()
const session = await Session.open(pathOf('weights/mobilenet_v1.onnx'), [INPUT], 'cpu')
const logits: Record<string, string> = {}
for (const name of ['pattern', ...PHOTOS]) {
  const photo =
    name === 'pattern' ? patternPhoto(SIZE) : await readPhoto(pathOf(`samples/photos/${name}.jpg`))
  const pixels = relayout(
    await inputOf(photo, { size: SIZE, fit: 'stretch', resize: sharpResize }),
    INPUT.shape,
    'nhwc',
    true,
  )
  const values = (await session.run(new Map([[INPUT.name, pixels]]))).get('logits')!
  const bytes = Buffer.alloc(values.byteLength)
  for (const [i, value] of values.entries()) bytes.writeFloatLE(value, 4 * i)
  logits[name] = bytes.toString('base64')
}
const { env } = await loadOnnxRuntime()
const what =
  'logits [1000] of weights/mobilenet_v1.onnx by ONNX Runtime (CPU provider), float32 little-endian in base64; photographs of samples/photos stretched to 224 px and made grey; written by bench/peers/record.ts'
const text = JSON.stringify({ what, onnxruntime: env.versions.node, logits }, null, 2)
await writeFileAtomic(pathOf('test/golden/mobilenet_v1.json'), Buffer.from(`${text}\n`))
