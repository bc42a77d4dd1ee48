/** What is measured, and what it is held against. */
export interface Each<T> {
  readonly result: T
  /** The result's colours at other saturations. */
  readonly saturated?: readonly T[]
  /** The result's network where it is told the classes that other classifiers see, or none. */
  readonly classified?: readonly T[]
  readonly gray: T
  readonly constant: T
  /** The weights that come with the package, where the result is of others. */
  readonly shipped?: T
  /** Other weights that the result is held against. */
  readonly against?: readonly T[]
}

export function mapEach<T, U>(each: Each<T>, of: (value: T) => U): Each<U> {
  const { result, saturated, classified, gray, constant, shipped, against } = each
  return {
    result: of(result),
    ...(saturated ? { saturated: saturated.map(of) } : {}),
    ...(classified ? { classified: classified.map(of) } : {}),
    ...{ gray: of(gray), constant: of(constant) },
    ...(shipped === undefined ? {} : { shipped: of(shipped) }),
    ...(against ? { against: against.map(of) } : {}),
  }
}

/** All of them, in the order in which they are listed above. */
export function listEach<T>(each: Each<T>): T[] {
  const { result, saturated = [], classified = [], gray, constant, shipped, against = [] } = each
  const ours = [result, ...saturated, ...classified]
  return [...ours, gray, constant, ...(shipped === undefined ? [] : [shipped]), ...against]
}

/** `work` of all of them, one after the other. */
export async function forEach<T, U>(each: Each<T>, work: (value: T) => Promise<U>): Promise<Each<U>> {
  const done = new Map<T, U>()
  for (const one of listEach(each)) done.set(one, await work(one))
  return mapEach(each, (one) => done.get(one)!)
}
