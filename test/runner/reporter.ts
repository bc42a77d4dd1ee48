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
  /** Of each that failed its name and what was wrong, in a line. */
  readonly failures: readonly string[]
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
    const failures = [
      ...inState('failed').map((test) => `${nameOf(test)}: ${firstLine(test.result().errors?.[0])}`),
      ...broken.map((module) => `${module.relativeModuleId}: ${firstLine(brokenBy(module))}`),
      ...errors.map((error) => `outside of any test: ${firstLine(error)}`),
      ...unlisted.map((test) => `${nameOf(test)}: skipped, which is not on the list`),
    ]
    const counts: Counts = {
      passed: inState('passed').length,
      failed: failures.length,
      skipped: inState('skipped').length,
      failures,
    }
    if (process.env.CI && unlisted.length) process.exitCode = 1
    if (COUNTS) writeFileSync(COUNTS, JSON.stringify(counts))
  }
}

const nameOf = (test: TestCase) => `${test.module.relativeModuleId} > ${test.fullName}`

/** What a hook of the file or of one of its blocks has thrown. */
const brokenBy = (module: TestModule) =>
  [module, ...module.children.allSuites()].flatMap((suite) => suite.errors())[0]

const firstLine = (error: unknown) =>
  String((error as Error | undefined)?.message ?? error).split('\n', 1)[0]!

/** Prints why a test was skipped. Returns whether it may be. */
function tellSkip(test: TestCase): boolean {
  const name = nameOf(test)
  const result = test.result()
  const said = result.state === 'skipped' ? result.note : undefined
  const known = Object.entries(listed).find(([pattern]) => new RegExp(pattern).test(name))?.[1]
  const reason = said ?? known ?? 'no reason given'
  console.log(`skipped: ${name}: ${reason}${known === undefined ? ' (not listed in test/skips.json)' : ''}`)
  return known !== undefined
}
