import { readFileSync, writeFileSync } from 'node:fs'
import type { Reporter, TestCase, TestModule, Vitest } from 'vitest/node'

/** Where the counts are written to, as JSON; `.ci/run` adds them up. */
const COUNTS = process.env.COLORIZER_TEST_COUNTS

/** What a run came to. */
export interface Counts {
  readonly passed: number
  /** Failed tests, files that could not run, errors outside of any test, and skipped tests that are not listed. */
  readonly failed: number
  readonly skipped: number
}

/** Names of tests that may be skipped, as regular expressions, each with the reason. */
const listed: Readonly<Record<string, string>> = JSON.parse(
  readFileSync(new URL('../skips.json', import.meta.url), 'utf8'),
)

/** Names every skipped test with its reason. With CI set, one that `test/skips.json` does not list fails the run. */
export default class SkipReporter implements Reporter {
  #vitest: Vitest | undefined

  onInit(vitest: Vitest): void {
    this.#vitest = vitest
  }

  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    if (this.#vitest?.config.testNamePattern) return // then most are skipped because nobody asked for them
    const tests = modules.flatMap((module) => [...module.children.allTests()])
    const inState = (state: string) => tests.filter((test) => test.result().state === state)
    // a hook that fails skips all tests behind it: then the file counts, once
    const broken = modules.filter(
      (module) => module.state() === 'failed' && ![...module.children.allTests('failed')].length,
    )
    const unlisted = inState('skipped').filter((test) => !broken.includes(test.module) && !tellSkip(test))
    const counts: Counts = {
      passed: inState('passed').length,
      failed: inState('failed').length + broken.length + errors.length + unlisted.length,
      skipped: inState('skipped').length,
    }
    if (process.env.CI && unlisted.length) process.exitCode = 1
    if (COUNTS) writeFileSync(COUNTS, JSON.stringify(counts))
  }
}

/** Prints why a test was skipped. Returns whether it may be. */
function tellSkip(test: TestCase): boolean {
  const name = `${test.module.relativeModuleId} > ${test.fullName}`
  const result = test.result()
  const said = result.state === 'skipped' ? result.note : undefined
  const known = Object.entries(listed).find(([pattern]) => new RegExp(pattern).test(name))?.[1]
  const reason = said ?? known ?? 'no reason given'
  console.log(`skipped: ${name}: ${reason}${known === undefined ? ' (not listed in test/skips.json)' : ''}`)
  return known !== undefined
}
