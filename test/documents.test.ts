/** What the documents say of the code, held against it. */
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { settingsPage } from '../scripts/settings.ts'
import { trainingSchema } from '../src/train/settings.ts'

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')

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
