import { expect } from 'vitest'
import type { Ended } from './program.ts'

/** That the program refused with `code` and one clear sentence on stderr, and said nothing on stdout. */
export function refused({ code, stdout, stderr }: Ended, wanted: number, sentence: RegExp): void {
  expect({ code, stdout: stdout.toString(), stderr }).toEqual({
    code: wanted,
    stdout: '',
    stderr: expect.stringMatching(/^colorizer: .+\n$/),
  })
  expect(stderr).toMatch(sentence)
}
