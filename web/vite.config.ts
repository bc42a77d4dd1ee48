import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'
import { TEXTS } from './src/texts.ts'

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
  return ['weights/manifest.json', ...shipped.map(({ file }) => `weights/${file}`), ...samples]
}

/** Puts the weights and the sample photographs beside the page. */
const withPackageFiles = {
  name: 'package-files',
  generateBundle(this: { emitFile(file: object): void }) {
    for (const fileName of packageFiles())
      this.emitFile({ type: 'asset', fileName, source: readFileSync(ROOT + fileName) })
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

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  base: './',
  build: {
    outDir: `${ROOT}dist-web`,
    emptyOutDir: true,
    target: 'es2023',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  worker: { format: 'es' },
  plugins: [withPackageFiles, withTexts],
})
