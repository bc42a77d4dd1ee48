/** The networks that weight files can be of. A network is a folder beside this file and one line here. */
import type { NetworkKind } from './network.ts'
import { report } from './report/index.ts'

export type Networks = ReadonlyMap<string, NetworkKind>

/** This package's networks by name. A program that brings its own hands in another map. */
export const NETWORKS: Networks = new Map([report].map((kind) => [kind.name, kind]))

/** The network of weight files that name none. They were written when there was only this one. */
export const FIRST_NETWORK = report.name
