/** Tests without vitest: in Deno, or in a package that was just installed. */
import { writeFileSync } from 'node:fs'

/** Names of tests that may be skipped, as regular expressions, each with the reason. */
type Skips = Readonly<Record<string, string>>

/** Runs tests one by one, and counts them. */
export class Run {
  #passed = 0
  readonly #failures: string[] = []

  /** @param skips none by default */
  constructor(private readonly skips: Skips = {}) {}

  /** @param test returns all that is wrong, in words */
  async test(name: string, test: () => Promise<readonly string[]>): Promise<void> {
    const problems = await test().catch((error: Error) => [error.message])
    if (problems.length === 0) this.#passed++
    else this.#fail(name, problems)
  }

  /** Says what is not tested here, and why; a failure unless it is listed. */
  skip(name: string, reason: string): void {
    const isListed = Object.keys(this.skips).some((pattern) => new RegExp(pattern).test(name))
    if (isListed) console.log(`skipped: ${name}: ${reason}`)
    else this.#fail(name, [`skipped, which is not on the list: ${reason}`])
  }

  /** Prints the counts; the exit code is 1 when anything failed, or nothing ran. */
  end(): void {
    const counts = process.env.COLORIZER_TEST_COUNTS
    const [passed, failures] = [this.#passed, this.#failures]
    if (counts) writeFileSync(counts, JSON.stringify({ passed, failed: failures.length, failures }))
    console.log(`${passed} passed, ${failures.length} failed`)
    process.exit(failures.length || !passed ? 1 : 0)
  }

  #fail(name: string, problems: readonly string[]): void {
    this.#failures.push(`${name}: ${problems[0]}`)
    console.log(`FAILED: ${name}\n  ${problems.join('\n  ')}`)
  }
}
