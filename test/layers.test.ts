import { describe, expect, it, vi } from 'vitest'

// The script runs in `npm run check` with Node alone, so it is plain JavaScript; what the tests use of it is typed here.
type Files = ReadonlyMap<string, string>
const { drawLayers, forbiddenImports } = await vi.importActual<{
  drawLayers(files: Files): string
  forbiddenImports(files: Files): string[]
}>('../scripts/layers.mjs')

const filesOf = (texts: Record<string, string>) => new Map(Object.entries(texts))

describe('the order of the rooms', () => {
  it('allows imports that point down, and those inside a room', () => {
    const files = filesOf({
      'cli/main.ts': "import { open } from '../node/dawn.ts'\nimport { other } from './other.ts'",
      'graph/half.ts': "import { UserError } from '../errors.ts'\nexport * from '../kernels/op.ts'",
    })
    expect(forbiddenImports(files)).toEqual([])
  })

  it.each([
    ["import { train } from '../train/train.ts'", 'train/train.ts', 'train'],
    ["import type { Plan } from '../graph/compile.ts'", 'graph/compile.ts', 'graph'],
    ["import {\n  add,\n} from '../autograd/adam.ts'", 'autograd/adam.ts', 'autograd'],
    ["export type { A } from '../model/network.ts'", 'model/network.ts', 'model'],
    ["const later = await import('../node/dawn.ts')", 'node/dawn.ts', 'node'],
    ["new Worker(new URL('../web/worker.ts', import.meta.url))", 'web/worker.ts', 'web'],
    ["import '../index.ts'", 'index.ts', 'library'],
  ])('refuses %j in a kernel', (text, imported, room) => {
    expect(forbiddenImports(filesOf({ 'kernels/conv/conv2d.ts': text.replace("'../", "'../../") }))).toEqual([
      `src/kernels/conv/conv2d.ts imports src/${imported}: kernels may not import ${room}.`,
    ])
  })

  it('keeps neighbours apart but for those that are named', () => {
    const importing = (file: string, path: string) =>
      forbiddenImports(filesOf({ [file]: `import { x } from '${path}'` }))
    expect(importing('train/validate.ts', '../infer/predictor.ts')).toEqual([])
    expect(importing('infer/predictor.ts', '../train/train.ts')).toHaveLength(1)
    expect(importing('web/colorizer.ts', '../node/image.ts')).toHaveLength(1)
    expect(importing('cli/main.ts', '../web/colorizer.ts')).toHaveLength(1)
  })

  it('wants every file in a room', () => {
    expect(() => forbiddenImports(filesOf({ 'attic/old.ts': "import '../errors.ts'" }))).toThrow(
      'src/attic/old.ts is in no room: give it one in scripts/layers.mjs.',
    )
  })
})

it('draws the rooms that have files, with their number and imports', () => {
  const picture = drawLayers(
    filesOf({ 'graph/graph.ts': "import '../kernels/op.ts'", 'kernels/op.ts': '', 'kernels/index.ts': '' }),
  )
  expect([...picture.matchAll(/<text[^>]*>([^<]+)/g)].map((match) => match[1])).toEqual([
    'graph',
    '1 file',
    'graph → plan → executor, memory',
    'imports kernels',
    'kernels',
    '2 files',
    'operators: shapes, dispatches, gradient, reference',
    'imports nothing',
  ])
})
