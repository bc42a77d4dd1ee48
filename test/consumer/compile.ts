import type { Place } from './place.ts'

interface Program {
  readonly files: readonly string[]
  /** Packages whose types a program for this surrounding has. */
  readonly types: readonly string[]
}

/** What a compiler says of a program, as strict as can be. */
export function compileErrors(place: Place, compiler: string, { files, types }: Program): string[] {
  const compilerOptions = {
    ...{ strict: true, skipLibCheck: false, exactOptionalPropertyTypes: true, noEmit: true },
    ...{ module: 'nodenext', target: 'ES2022', lib: ['ES2023', 'DOM', 'ESNext.Disposable'] },
    ...{ types, typeRoots: [place.tool('@types')] },
  }
  place.write('tsconfig.json', JSON.stringify({ compilerOptions, files }))
  const { stdout, problems } = place.run(process.execPath, [place.tool(compiler, 'bin/tsc'), '-p', '.'])
  const errors = stdout.split('\n').filter((line) => /error TS/.test(line))
  return errors.length ? errors : [...problems]
}
