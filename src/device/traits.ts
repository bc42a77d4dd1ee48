/** What the choice of kernels may depend on besides shapes: facts of the adapter, and what was measured on it. */
export interface Traits {
  /** Lanes of the adapter's subgroups, where it has them in one fixed size. */
  readonly subgroupLanes: number | null
  /** Whether a CPU does the work. */
  readonly isSoftware: boolean
  /** Kinds of matrices of float16 that a subgroup multiplies, with sums of float32; none unless they are asked for. */
  readonly matrices?: readonly SubgroupMatrices[]
  /** Which candidates to take, where it is not to be the operator's first. */
  readonly choices?: Choices
}

/** Products [M,K] × [K,N] of a subgroup of so many lanes. */
export type SubgroupMatrices = Readonly<Record<'M' | 'N' | 'K' | 'lanes', number>>

/** Names of candidates by `choiceKey`: what measured fastest on an adapter. */
export type Choices = ReadonlyMap<string, string>

/** Kernels that run on any adapter. */
export const PORTABLE: Traits = { subgroupLanes: null, isSoftware: true }
