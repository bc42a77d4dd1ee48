/** What npm would publish: whether its README can be followed there. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { expect, it } from 'vitest'
import { launch } from './program.ts'

const listing = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
  encoding: 'utf8',
  stdio: ['ignore', 'pipe', 'ignore'],
  shell: process.platform === 'win32',
})
const packed = new Set<string>(JSON.parse(listing)[0].files.map(({ path }: { path: string }) => path))
const documents = [...packed].filter((path) => path.endsWith('.md'))
const readme = readFileSync('README.md', 'utf8')
const named = (pattern: RegExp) =>
  [...new Set([...readme.matchAll(pattern)].map((match) => match[1]!))].sort()

it.each(documents)('%s links only to what is packed beside it', (document) => {
  const links = [...readFileSync(document, 'utf8').matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].map(
    (match) => match[1]!,
  )
  const files = links.filter((link) => !/^[a-z]+:/.test(link))
  const targets = files.map((link) => posix.join(posix.dirname(document), link))
  expect(targets.filter((target) => !packed.has(target))).toEqual([])
  if (document === 'README.md') expect(targets).toContain('docs/samples.webp')
})

it('carries what the README speaks of, and neither tests nor benchmarks', () => {
  expect(documents).toEqual(
    expect.arrayContaining(['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'docs/design.md']),
  )
  expect([...packed].filter((path) => /^(test|bench|src)\//.test(path))).toEqual([])
})

it('has a README that names every command of colorizer, and no other', async () => {
  const overview = (await launch(['--help'])).stdout.toString()
  const commands = [...overview.matchAll(/^ {2}(\w+) {2,}\S/gm)].map((match) => match[1]!)
  expect(commands.length).toBeGreaterThan(5)
  expect(named(/npx colorizer (\w+)/g)).toEqual(commands.sort())
})

it('has a README whose npm scripts exist', () => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'))
  expect(named(/npm run ([\w:]+)/g).filter((name) => !Object.hasOwn(scripts, name))).toEqual([])
})
