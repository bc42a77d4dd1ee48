/** The networks that weight files can be of. A network is a folder beside this file and one line here. */
import type { NetworkKind } from './network.ts'
import { pyramidOn } from './pyramid/index.ts'
import { report } from './report/index.ts'
import { type LoadTrunk, missingTrunk } from './trunk.ts'

export type Networks = ReadonlyMap<string, NetworkKind>

/** This package's networks by name, on trunks that the host brings. A program with networks of its own hands in another map. */
export const networksOn = (loadTrunk: LoadTrunk): Networks =>
  new Map([pyramidOn(loadTrunk), report].map((kind) => [kind.name, kind as NetworkKind]))

/** Those that need no trunk, and what the others are called and can be asked for. */
export const NETWORKS = networksOn(async (name) => {
  throw missingTrunk(name)
})

/** What is trained unless another one is asked for. */
export const USUAL_NETWORK = 'pyramid'

/** The network of weight files that name none. They were written when there was only this one. */
export const FIRST_NETWORK = report.name
