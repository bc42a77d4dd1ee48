/** What a result says of how it was made. */
import { VERSION } from '../../version.ts'

export const PROGRAM = 'webgpu-colorizer'

/** That a program has added the colours of a picture, and how. */
export interface History {
  readonly program: string
  readonly version: string
  /** Which weights: their name, or the beginning of their SHA-256. */
  readonly weights: string
  /** By their names. */
  readonly settings: Readonly<Record<string, string | number | boolean>>
  /** What the field Software said before. */
  readonly softwareBefore?: string | undefined
}

/** The name and version that the field Software tells. */
export const SOFTWARE = `${PROGRAM} ${VERSION}`

export const newHistory = (made: Pick<History, 'weights' | 'settings' | 'softwareBefore'>): History => ({
  program: PROGRAM,
  version: VERSION,
  ...made,
})

/** As the two texts of an entry. */
export function formatHistory({ program, version, ...how }: History): { agent: string; parameters: string } {
  return { agent: `${program} ${version}`, parameters: JSON.stringify(how) }
}

/** The opposite; null for what other programs write. */
export function parseHistory(agent: string, parameters: string): History | null {
  const [program, version] = agent.split(' ')
  if (program !== PROGRAM || version === undefined) return null
  try {
    const { weights, settings, softwareBefore } = JSON.parse(parameters) as History
    if (typeof weights !== 'string' || typeof settings !== 'object' || settings === null) return null
    return {
      program,
      version,
      weights,
      settings,
      ...(softwareBefore === undefined ? {} : { softwareBefore }),
    }
  } catch {
    return null
  }
}
