import { expect } from 'vitest'
import type { Ended } from './program.ts'

/** That the program refused with `code` and one clear sentence on stderr, and said nothing on stdout. */
export function refused({ code, stdout, stderr }: Ended, wanted: number, sentence: RegExp): void {
  expect(stderr).toMatch(/^colorizer: .+\n$/)
  expect(stderr).toMatch(sentence)
  expect({ code, stdout: stdout.toString() }).toEqual({ code: wanted, stdout: '' })
}
