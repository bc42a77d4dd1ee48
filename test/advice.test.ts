import { expect, it } from 'vitest'
import { advised } from '../src/cli/advice.ts'
import { FileColorizer } from '../src/cli/colorize-files.ts'
import { UserError } from '../src/errors.ts'
import type { Painter } from '../src/infer/colorizer.ts'
import { Journal } from '../src/node/journal.ts'

it('is what to type: the option of a setting, another option, a command', () => {
  const error = (...mend: string[]) => new UserError('it does not fit', 'usage', { mend })
  expect(advised(error())).toBe('it does not fit')
  expect(advised(error('learningRate', 'adapter'))).toBe('it does not fit (--lr, --adapter)')
  expect(advised(error('weights fetch mine'))).toBe('it does not fit (colorizer weights fetch mine)')
})

it('is also given where one photograph of many has failed', async () => {
  const predict = () =>
    Promise.reject(new UserError('a value is too large', 'input', { mend: ['precision'] }))
  const painter = { classifier: null, predictor: { predict } } as unknown as Painter
  const journal = await Journal.open('no such folder/journal')
  const colorizer = new FileColorizer(painter, {
    file: { making: null },
    hints: undefined,
    settings: '',
    journal,
  })
  const input = 'samples/gray/march-pastoral.jpg'
  const job = { photo: { path: input, relative: 'a.jpg' }, place: 0, outputs: ['a.jpg'], comparison: null }
  expect(await colorizer.colorize(job)).toEqual([{ input, error: 'a value is too large (--precision)' }])
})
