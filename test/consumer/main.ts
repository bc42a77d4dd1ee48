/**
 * What a program meets that uses the package: packed, installed in an empty folder, compiled with the current TypeScript and
 * with 5.6, bundled for browsers, and run. `npm run test:consumer` starts it.
 */
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { Run } from '../runner/run.ts'
import { bundle } from './bundle.ts'
import { compileErrors } from './compile.ts'
import { hasExiftool, metadataProblems } from './exiftool.ts'
import { FolderRuns } from './folder.ts'
import { Place } from './place.ts'
import { snippetsOf } from './snippets.ts'

const run = new Run(JSON.parse(readFileSync(new URL('skips.json', import.meta.url), 'utf8')))
const place = new Place()
try {
  place.install()
  const { node, web } = snippetsOf(place.read('node_modules/webgpu-colorizer/README.md'))
  place.write('readme-node.ts', node)
  place.write('readme-web.ts', `declare const file: File\ndeclare const canvas: HTMLCanvasElement\n${web}`)
  for (const compiler of ['typescript', 'typescript-5.6']) {
    await run.test(`${compiler} compiles programs for Node`, async () =>
      compileErrors(place, compiler, { files: ['node.ts', 'readme-node.ts'], types: ['node'] }),
    )
    await run.test(`${compiler} compiles programs that know nothing of Node`, async () =>
      compileErrors(place, compiler, {
        files: ['web.ts', 'engine.ts', 'train.ts', 'readme-web.ts'],
        types: [],
      }),
    )
  }
  for (const name of ['web', 'engine', 'train']) {
    await run.test(
      `webgpu-colorizer/${name} is bundled for browsers without anything of Node's`,
      async () => {
        const { problems, code } = bundle(place, `webgpu-colorizer/${name}`, `${name}-bundle.js`)
        const kilobytes = (bytes: Uint8Array) => `${Math.round(bytes.length / 1000)} kB`
        console.log(
          `webgpu-colorizer/${name}: ${kilobytes(code)} minified, ${kilobytes(gzipSync(code))} as gzip`,
        )
        return problems
      },
    )
  }
  await run.test('the example for Node in the README colours', async () => {
    place.copySample('grey.jpg')
    const { stdout, problems } = place.node('readme-node.ts')
    return [
      ...problems,
      ...place.imageProblems('coloured.jpg'),
      ...(/it shows: \w/.test(stdout) ? [] : [stdout]),
    ]
  })
  await run.test(
    'the bundle for browsers colours, and the engine computes',
    async () => place.node('in-browser.ts').problems,
  )
  await run.test('npx colorizer colours', async () => {
    place.copySample('photo.jpg')
    const { problems } = place.npx(['colorizer', 'colorize', 'photo.jpg', '-o', 'out/photo.png'])
    return [...problems, ...place.imageProblems('out/photo.png')]
  })
  const runs = await FolderRuns.create(place)
  try {
    await run.test("of somebody's folder npx colorizer colours or names every picture", () => runs.first())
    for (const [row, pair] of runs.pairs()) {
      const name = `exiftool finds in a coloured ${row} all that is in the photograph, and a history`
      if (hasExiftool()) await run.test(name, async () => metadataProblems(...pair))
      else run.skip(name, 'exiftool is not here')
    }
    await run.test('and the second time does nothing', () => runs.second())
    await run.test('and then only what is new, has changed or is gone', () => runs.third())
  } finally {
    runs.unlock()
  }
} finally {
  place.remove()
}
run.end()
