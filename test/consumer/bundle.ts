import { builtinModules } from 'node:module'
import type { Place } from './place.ts'

/** Bundles a module of the package as a page would. `problems` name what only Node has. */
export function bundle(
  place: Place,
  module: string,
  output: string,
): { code: Uint8Array; problems: readonly string[] } {
  place.write('entry.js', `export * from '${module}'\n`)
  const flags = ['--bundle', '--platform=browser', '--format=esm', '--minify', '--metafile=meta.json']
  const esbuild = place.tool('esbuild', 'bin/esbuild')
  const { problems } = place.run(process.execPath, [esbuild, 'entry.js', ...flags, `--outfile=${output}`])
  if (problems.length) return { code: new Uint8Array(), problems }
  const { inputs } = JSON.parse(place.read('meta.json'))
  const imported = Object.values<{ imports: { path: string }[] }>(inputs).flatMap(({ imports }) =>
    imports.map(({ path }) => path),
  )
  const ofNode = [...Object.keys(inputs), ...imported].filter(
    (path) => path.startsWith('node:') || builtinModules.includes(path),
  )
  const code = place.read(output)
  const required = [...code.matchAll(/\brequire\(\s*["'`][^"'`]*["'`]\s*\)/g)].map(([call]) => call)
  return { code: Buffer.from(code), problems: [...ofNode, ...required] }
}
