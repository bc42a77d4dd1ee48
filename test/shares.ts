import type { Comparison } from './tolerance.ts'

/** The worst share of the allowance that each test of one file used, to be printed at its end. */
export class Shares {
  readonly #worst = new Map<string, { share: number; where: string }>()

  record(test: string, title: string, { share, worst }: Comparison): void {
    if (share >= (this.#worst.get(test)?.share ?? 0))
      this.#worst.set(test, { share, where: `${title}, ${worst}` })
  }

  print(): void {
    const lines = [...this.#worst].map(
      ([test, { share, where }]) =>
        `${test.padEnd(28)} ${`${(share * 100).toFixed(1)}%`.padStart(6)}  ${where}`,
    )
    console.log(`Worst share of the allowance used (test/tolerance.ts):\n${lines.join('\n')}`)
  }
}
