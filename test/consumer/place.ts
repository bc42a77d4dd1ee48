import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const PROGRAMS = fileURLToPath(new URL('programs/', import.meta.url))
const TOOLS = fileURLToPath(new URL('node_modules/', import.meta.url))

export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  /** What it said last, where it failed. */
  readonly problems: readonly string[]
}

/** An empty folder, as a program of somebody else stands in one. */
export class Place {
  readonly #folder = mkdtempSync(join(tmpdir(), 'consumer-'))

  /** Packs the package and installs it, and puts the programs beside it. Throws when npm fails. */
  install(): void {
    const packed = expectDone(npm(ROOT, ['pack', '--silent', '--pack-destination', this.#folder]))
    const tarball = packed.trim().split('\n').at(-1)!
    this.write('package.json', JSON.stringify({ private: true, type: 'module' }))
    expectDone(npm(this.#folder, ['install', '--no-audit', '--no-fund', '--silent', `./${tarball}`]))
    cpSync(PROGRAMS, this.#folder, { recursive: true })
  }

  /** The path of something in a package that programs are compiled and bundled with. */
  tool(name: string, path = ''): string {
    return join(TOOLS, name, path)
  }

  read(path: string): string {
    return readFileSync(join(this.#folder, path), 'utf8')
  }

  write(path: string, text: string): void {
    writeFileSync(join(this.#folder, path), text)
  }

  copySample(name: string): void {
    copyFileSync(join(ROOT, 'samples/gray/nagasaki-boats.jpg'), join(this.#folder, name))
  }

  /** What is wrong with a picture that should be there. */
  imageProblems(path: string): string[] {
    const bytes = statSync(join(this.#folder, path), { throwIfNoEntry: false })?.size ?? 0
    return bytes > 1000 ? [] : [`${path} has ${bytes} bytes`]
  }

  /** The path of a file or folder here. */
  at(path: string): string {
    return join(this.#folder, path)
  }

  run(command: string, args: readonly string[]): Outcome {
    return runIn(this.#folder, command, args)
  }

  /** Runs a TypeScript program of the folder. */
  node(program: string): Outcome {
    const tsx = createRequire(join(ROOT, 'package.json')).resolve('tsx/cli')
    return this.run(process.execPath, [tsx, program])
  }

  npx(args: readonly string[]): Outcome {
    return npm(this.#folder, ['exec', '--no', '--', ...args])
  }

  /**
   * As `npx`, by somebody who may not read everything: root becomes nobody, to whom `folders` are given.
   */
  npxAsUser(args: readonly string[], folders: readonly string[]): Outcome {
    const home = this.at('home')
    mkdirSync(home, { recursive: true })
    const user = process.getuid?.() === 0 ? NOBODY : null
    if (user) {
      chmodSync(this.#folder, 0o755)
      for (const folder of [home, ...folders])
        expectDone(runIn(this.#folder, 'chown', ['-Rh', String(user.uid), folder]))
    }
    return npm(this.#folder, ['exec', '--no', '--', ...args], { ...user, home })
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

const NOBODY = { uid: 65534, gid: 65534 }

/** Who runs a program, and their home; we ourselves by default. */
interface User {
  readonly uid?: number
  readonly gid?: number
  readonly home?: string
}

/** The npm that started us, or else the one on PATH. */
function npm(folder: string, args: readonly string[], user?: User): Outcome {
  const own = process.env.npm_execpath
  return own?.endsWith('npm-cli.js')
    ? runIn(folder, process.execPath, [own, ...args], user)
    : runIn(folder, 'npm', args, user)
}

function runIn(
  folder: string,
  command: string,
  args: readonly string[],
  { home, ...user }: User = {},
): Outcome {
  const env: NodeJS.ProcessEnv = { ...process.env, ...(home === undefined ? {} : { HOME: home }) }
  // npm's own words of the script that runs, and the launcher's: somebody else's program has none of them
  for (const name of Object.keys(env))
    if (/^npm_(lifecycle|package|config_local_prefix)|^INIT_CWD$/.test(name)) delete env[name]
  delete env.TSX_TSCONFIG_PATH
  delete env.NODE_OPTIONS
  const done = spawnSync(command, args, {
    ...{ cwd: folder, env, encoding: 'utf8', maxBuffer: 2 ** 28, ...user },
    shell: process.platform === 'win32' && command === 'npm',
  })
  const said = `${done.stdout ?? ''}\n${done.stderr ?? ''}`.trim().split('\n').slice(-20).join('\n')
  const problems = done.status === 0 ? [] : [`${args.join(' ')}: ${done.error?.message ?? said}`]
  return { code: done.status, stdout: done.stdout ?? '', problems }
}

function expectDone({ stdout, problems }: Outcome): string {
  if (problems.length) throw new Error(problems.join('\n'))
  return stdout
}
