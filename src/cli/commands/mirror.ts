/** The option by which commands show photographs to the network twice. */
import type { Option } from './command.ts'

export const MIRROR_OPTIONS: Readonly<Record<string, Option>> = {
  mirror: {
    help: 'also shows the network the mirror image of each photograph, and takes the mean of both: a little less error, for twice the time',
  },
}
