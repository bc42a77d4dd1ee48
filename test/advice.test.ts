import { expect, it } from 'vitest'
import { advised } from '../src/cli/advice.ts'
import { colorizeInto } from '../src/cli/colorize-files.ts'
import { UserError } from '../src/errors.ts'
import type { Painter } from '../src/infer/colorizer.ts'

it('is what to type: the option of a setting, another option, a command', () => {
  const error = (...mend: string[]) => new UserError('it does not fit', 'usage', { mend })
  expect(advised(error())).toBe('it does not fit')
  expect(advised(error('learningRate', 'adapter'))).toBe('it does not fit (--lr, --adapter)')
  expect(advised(error('weights fetch mine'))).toBe('it does not fit (colorizer weights fetch mine)')
})

it('is also given where one photograph of many has failed', async () => {
  const trouble = new UserError('a value is too large', 'input', { mend: ['precision'] })
  const options = { out: 'out', file: { making: null }, hints: undefined, compare: false }
  const photo = { path: 'a.jpg', relative: 'a.jpg' }
  expect(await colorizeInto({} as Painter, photo, trouble, options)).toEqual({
    ...{ input: 'a.jpg', error: 'a value is too large (--precision)' },
  })
})
