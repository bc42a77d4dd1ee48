/** What browsers are given: the built page, and programs of the tests. */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** Builds the page into a folder, and returns it. */
export function buildPage(folder: string): string {
  const vite = fileURLToPath(new URL('../../web/node_modules/vite/bin/vite.js', import.meta.url))
  const flags = ['--outDir', folder, '--emptyOutDir', '--logLevel', 'error']
  execFileSync(process.execPath, [vite, 'build', 'web', ...flags], { cwd: ROOT, stdio: 'inherit' })
  return folder
}

/** A TypeScript program as one module for browsers. */
export async function bundle(program: URL): Promise<string> {
  const entryPoints = [fileURLToPath(program)]
  const { outputFiles } = await build({
    ...{ entryPoints, bundle: true, format: 'esm', write: false, target: 'es2022' },
  })
  return outputFiles[0]!.text
}
