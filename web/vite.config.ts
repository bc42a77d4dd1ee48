import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'
import { TEXTS } from './src/texts.ts'

const HERE = fileURLToPath(new URL('.', import.meta.url))
const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** Files of the package that the page fetches as they are, by their places below the page and in the package. */
function packageFiles(): string[] {
  const { files } = JSON.parse(readFileSync(`${ROOT}weights/manifest.json`, 'utf8'))
  const shipped: { shipped: boolean; file: string }[] = files.filter(
    (file: { shipped: boolean }) => file.shipped,
  )
  const samples = ['gray', 'photos'].flatMap((folder) =>
    readdirSync(`${ROOT}samples/${folder}`).map((name) => `samples/${folder}/${name}`),
  )
  const licences = ['NOTICE', 'LICENSE', 'samples/licenses/GPL-2.0.txt', 'weights/licenses/Apache-2.0.txt']
  return ['weights/manifest.json', ...shipped.map(({ file }) => `weights/${file}`), ...samples, ...licences]
}

/** Packages that are part of the page, and where they are installed. */
const BUNDLED = { 'client-zip': `${HERE}node_modules/client-zip`, valibot: `${ROOT}node_modules/valibot` }

function licenceIn(folder: string): Buffer {
  const name = readdirSync(folder).find((file) => /^licen[cs]e/i.test(file))
  if (!name) throw new Error(`${folder} has no licence to put beside the page`)
  return readFileSync(`${folder}/${name}`)
}

/** Puts the weights, the sample photographs and all licences beside the page. */
const withPackageFiles = {
  name: 'package-files',
  generateBundle(this: { emitFile(file: object): void }) {
    const files = packageFiles()
    for (const fileName of files)
      this.emitFile({ type: 'asset', fileName, source: readFileSync(ROOT + fileName) })
    for (const [name, folder] of Object.entries(BUNDLED))
      this.emitFile({ type: 'asset', fileName: `licenses/${name}.txt`, source: licenceIn(folder) })
    const photos = files.filter((name) => name.startsWith('samples/photos/'))
    this.emitFile({ type: 'asset', fileName: 'samples/photos.json', source: JSON.stringify(photos) })
  },
}

/** Puts the texts where index.html names them: as content by `data-text`, for screen readers by `data-label`. */
const withTexts = {
  name: 'texts',
  transformIndexHtml: (html: string) =>
    html
      .replaceAll(/ data-text="(\w+)"([^>]*)>/g, (_, key, rest) => `${rest}>${textOf(key)}`)
      .replaceAll(/ data-label="(\w+)"/g, (_, key) => ` aria-label="${textOf(key)}"`)
      .replaceAll(/ data-content="(\w+)"/g, (_, key) => ` content="${textOf(key)}"`),
}

function textOf(key: string): string {
  const text: unknown = TEXTS[key as keyof typeof TEXTS]
  if (typeof text !== 'string') throw new Error(`index.html wants the text "${key}", which texts.ts has not`)
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}

/** Shaders without their comments and indentation, which are more than a third of them. */
const withShortShaders = {
  name: 'short-shaders',
  transform: (code: string, id: string) =>
    id.endsWith('/shader-text.ts')
      ? code.replaceAll(/(^|`)[ \t]*\/\/(?! use )[^`\n]*\n/gm, '$1').replaceAll(/^[ \t]+|\n(?=\n)/gm, '')
      : null,
}

/** What reads ONNX files without what writes them, makes them of other objects and checks those: nothing here calls that. */
const withOnnxReader = {
  name: 'onnx-reader',
  transform: (code: string, id: string) =>
    id.includes('/onnx-proto/')
      ? code.replaceAll(
          /^( *)\S+\.(encode|encodeDelimited|verify|fromObject|toObject|toJSON) = function [\s\S]*?^\1};\n/gm,
          '',
        )
      : null,
}

/** Tells the service worker the page's files. Photographs to train on are not among them; weights the page keeps itself. */
const withFileList = {
  name: 'file-list',
  enforce: 'post' as const, // index.html is made by then
  generateBundle(_: object, bundle: Record<string, { code?: string; source?: string | Uint8Array }>) {
    const worker = bundle['service-worker.js']!
    const kept = Object.keys(bundle)
      .filter((name) => name !== 'service-worker.js' && !/^(weights|samples\/photos|licenses)\//.test(name))
      .sort()
    const hash = createHash('sha256')
    for (const name of kept) hash.update(bundle[name]!.code ?? bundle[name]!.source!)
    const fixed = readdirSync(`${HERE}public`)
    for (const name of fixed) hash.update(readFileSync(`${HERE}public/${name}`))
    const files = [...kept, ...fixed]
    worker.code = `const FILES=${JSON.stringify(files)},BUILD='${hash.digest('hex').slice(0, 12)}';${worker.code}`
  },
}

export default defineConfig({
  root: HERE,
  base: './',
  build: {
    outDir: `${ROOT}dist-web`,
    emptyOutDir: true,
    target: 'es2023',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: { page: `${HERE}index.html`, 'service-worker': `${HERE}src/service-worker.ts` },
      output: {
        entryFileNames: ({ name }) => (name === 'service-worker' ? '[name].js' : 'assets/[name]-[hash].js'),
      },
    },
  },
  worker: { format: 'es', plugins: () => [withShortShaders, withOnnxReader] },
  plugins: [withPackageFiles, withTexts, withFileList],
})
