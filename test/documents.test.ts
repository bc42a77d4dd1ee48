/** What the documents say of the code, held against it. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { expect, it } from 'vitest'
import { settingsPage } from '../scripts/settings.ts'
import { trainingSchema } from '../src/train/settings.ts'

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')
const documents = readdirSync(new URL('../docs', import.meta.url))
  .filter((name) => name.endsWith('.md'))
  .map((name) => `docs/${name}`)

it('has every setting on the page of settings', () => {
  const page = settingsPage()
  for (const name of Object.keys(trainingSchema.entries)) expect(page).toContain(`\`${name}\``)
  expect(page).toContain('| whole number, at least 1 |')
  expect(page).toContain('| multiple of 8, at least 8 |')
  expect(page).toContain('| number of at least 0 and at most 1 |')
  expect(read('docs/settings.md'), 'run: npm run docs').toBe(page)
})

it('has a design that one can read at a sitting', () => {
  const text = read('docs/design.md')
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(12 * 1024)
  expect(text.split('\n').filter((line) => line.length >= 100)).toEqual([])
})

it('names only files that are there', () => {
  const tree = /`((?:src|test|shaders|scripts|bench|docs)\/[\w./-]+\.\w+)`/g
  const named = ['docs/design.md', 'docs/kernels.md', 'docs/network.md', 'CONTRIBUTING.md'].flatMap((page) =>
    [...read(page).matchAll(tree)].map((match) => match[1]!),
  )
  expect(named.length).toBeGreaterThan(20)
  for (const path of named) expect(read(path).length, path).toBeGreaterThan(0)
})

it('names only files that are there in comments, too', () => {
  const tree = /\b(?:src|test|shaders|scripts|bench|docs)\/[\w./-]+\.\w+/g
  const named = ['shaders', 'src', 'bench', 'scripts'].flatMap((folder) =>
    readdirSync(new URL(`../${folder}`, import.meta.url), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(wgsl|ts|mjs|py)$/.test(name) && !name.includes('node_modules'))
      .flatMap((name) => {
        const comments = read(`${folder}/${name}`).match(/^\s*(?:\/\/|\/?\*|#|""").*$/gm) ?? []
        return comments.flatMap((line) => line.match(tree) ?? []).map((path) => ({ name, path }))
      }),
  )
  expect(named.length).toBeGreaterThan(20)
  expect(named.filter(({ path }) => !existsSync(new URL(`../${path}`, import.meta.url)))).toEqual([])
})

const slug = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')

it('links only to files that are there', () => {
  const pages = ['README.md', 'CONTRIBUTING.md', 'weights/README.md', ...documents]
  const broken = pages.flatMap((page) =>
    [...read(page).matchAll(/\]\(([^)#\s:]+)\)/g)].flatMap(([link, path]) =>
      existsSync(posix.join(posix.dirname(page), path!)) ? [] : [`${page}: ${link}`],
    ),
  )
  expect(broken).toEqual([])
})

it('links only to headings that are there', () => {
  const pages = ['README.md', 'CONTRIBUTING.md', 'weights/README.md', ...documents]
  const broken = pages.flatMap((page) =>
    [...read(page).matchAll(/\]\(([^)#\s:]*)#([^)\s]+)\)/g)].flatMap(([link, path, anchor]) => {
      const target = path === '' ? page : posix.join(posix.dirname(page), path!)
      const headings = [...read(target).matchAll(/^#+ (.+)$/gm)].map((match) => slug(match[1]!))
      return headings.includes(anchor!) ? [] : [`${page}: ${link}`]
    }),
  )
  expect(broken).toEqual([])
})
